#!/usr/bin/env bash
# Makes what compose.yaml reads and no repository may hold: passwords, the gateway's first keys, and places for the
# venues' keys. What is there already stays as it is. Run it as whoever runs docker compose.
#
#   monitoring/deploy/compose/setup.sh
set -euo pipefail
cd "$(dirname "$0")"

# The gateways run as the user whose secrets these are, for they read no secret of another's; but never as root.
owner=$EUID group=$(id -g)
if ((EUID == 0)); then
    owner=${SUDO_UID:-65532} group=${SUDO_GID:-65532}
    if ((owner == 0)); then owner=65532 group=65532; fi
fi

# Yours and your group's, which the other containers are given: the gateway reads no secret that everyone may read.
umask 027
mkdir -p secrets

random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
sha256() { printf %s "$1" | sha256sum | cut -d' ' -f1; }

keep() { # NAME VALUE: a secret, unless it is there
    [[ -e secrets/$1 ]] || printf %s "$2" >"secrets/$1"
}

for name in postgres_password grafana_password viewer_key operator_key; do
    keep "$name" "$(random)"
done
for name in binance_api_key binance_secret bitmex_api_key bitmex_secret; do
    if [[ ! -e secrets/$name ]]; then
        keep "$name" "put-yours-here"
        echo "put the venue's own into secrets/$name: until then it refuses what needs an account"
    fi
done

if ((EUID == 0)); then
    chown -R "$owner:$group" secrets
fi
for file in secrets secrets/*; do
    if [[ $(stat -c %u "$file") != "$owner" ]]; then
        echo "error: $PWD/$file is another user's: sudo chown -R $owner:$group $PWD/secrets" >&2
        exit 1
    fi
done
chmod 750 secrets
chmod 640 secrets/*
operator=$(<secrets/operator_key) viewer=$(<secrets/viewer_key)

# Keys are kept as their SHA-256, so this file holds no secret.
cat >gateway.env <<ENV
SWITCHYARD__AUTH__KEYS='[{id="operator",hash="$(sha256 "$operator")",tenant="desk",role="operator"},{id="prometheus",hash="$(sha256 "$viewer")",tenant="desk",role="viewer"}]'
ENV
printf 'SECRETS_UID=%s\nSECRETS_GID=%s\n' "$owner" "$(stat -c %g secrets)" >.env
if ((EUID == 0)); then
    chown "$owner:$group" gateway.env .env
fi

# What is mounted besides holds no secret, and each container reads it as a user of its own.
chmod a+r switchyard.toml switchyard.production.toml prometheus.yml ../haproxy.cfg ../../prometheus/*.rules.yml
chmod -R a+rX ../../grafana

echo "the operator's key is in secrets/operator_key, Grafana's password (user admin) in secrets/grafana_password"
