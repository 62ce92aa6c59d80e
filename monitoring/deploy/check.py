"""What no linter knows: that the deployment files agree with each other and with the gateway.

Usage: check.py, with PyYAML. Prints each disagreement; exit code 0 where there is none.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# Seconds that a gateway goes on listening once it is told to stop, so that routers, which ask every second, turn away first.
NOTICE_SECONDS = 2

# Seconds that a gateway or a router may need to stop: that, requests in flight, then giving up the lease.
STOP_SECONDS = NOTICE_SECONDS + 65 + 5

# Longest time, in milliseconds, for which nobody takes orders while the active gateway drains.
DRAIN_MS = 10_000

# What a deployment may break of the rules of production: something before the gateway encrypts, or nothing gets there.
ACKNOWLEDGED = ["plaintext-listener"]

# What server.max_concurrent_requests is where nobody says otherwise; server.max_connections is twice that.
CONCURRENT_REQUESTS = 500

problems = []


def expect(holds, problem):
    if not holds:
        problems.append(problem)


class CloudFormation(yaml.SafeLoader):
    """Reads !Sub and the like as what they are applied to."""


def untagged(loader, _suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


CloudFormation.add_multi_constructor("!", untagged)


def documents(path, loader=yaml.SafeLoader):
    return [d for d in yaml.load_all((HERE / path).read_text(), loader) if d]


def check_stage(name, stage, config, above):
    """A stage by its name, and what its file says above the configuration."""
    expect(stage == "production", f"{name}: the gateways run with the stage {stage}")
    acknowledged = above.get("stage", {}).get("acknowledge", [])
    expect(acknowledged == ACKNOWLEDGED, f"{name}: {acknowledged} of the rules of production are broken")
    for venue, said in config["venues"].items():
        risk = said.get("risk", {}) | above.get("venues", {}).get(venue, {}).get("risk", {})
        expect("max_notional" in risk, f"{name}: an order at {venue} may be of any value")


def check_setup(as_user):
    """What compose/setup.sh leaves behind is what the gateway reads as the user that it runs as."""
    with tempfile.TemporaryDirectory() as directory:
        there = Path(directory) / "monitoring"
        shutil.copytree(HERE.parent, there, ignore=shutil.ignore_patterns("secrets", "*.env", ".env"))
        subprocess.run(["chmod", "-R", "go=", directory], check=True)
        if as_user is not None:
            subprocess.run(["chown", "-R", f"{as_user}:{as_user}", directory], check=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SUDO_")}
        for _ in range(2):
            command = ["bash", str(there / "deploy/compose/setup.sh")]
            done = subprocess.run(command, env=environment, user=as_user, group=as_user, capture_output=True, text=True)
            expect(done.returncode == 0, f"compose/setup.sh as {as_user}: {done.stderr}")
            if done.returncode != 0:
                return
        made = there / "deploy/compose"
        said = dict(line.split("=") for line in (made / ".env").read_text().splitlines())
        uid, gid = int(said["SECRETS_UID"]), int(said["SECRETS_GID"])
        expect(uid != 0, "compose/setup.sh has the gateways run as root")
        for secret in compose["secrets"].values():
            facts = (made / secret["file"]).stat()
            owned = (facts.st_uid, facts.st_gid, facts.st_mode & 0o777) == (uid, gid, 0o640)
            expect(owned, f"compose/setup.sh leaves {secret['file']} with {facts}, and the gateways run as {uid}:{gid}")
        for name, service in compose["services"].items():
            for mounted in service.get("volumes", []):
                source = made / mounted.split(":")[0]
                if mounted.startswith("."):
                    for path in [source, *source.rglob("*")]:
                        needed = 0o005 if path.is_dir() else 0o004
                        expect(path.stat().st_mode & needed == needed, f"compose/setup.sh leaves {path.name} unreadable for {name}")


version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
paths = set(re.findall(r'path = "(/health[^"{]*)"', (ROOT / "host/src/api/routes/health.rs").read_text()))
haproxy = (HERE / "haproxy.cfg").read_text()
dockerfile = (ROOT / "Dockerfile").read_text()
routers = set()

# The image.
for path in re.findall(r"COPY (?:--\S+ )*(monitoring/\S+)", dockerfile):
    expect((ROOT / path).is_file(), f"Dockerfile copies {path}, which is not there")
    expect(f"!{path}" in (ROOT / ".dockerignore").read_text(), f".dockerignore keeps {path} from the build")
expect("USER 65532:65532" in dockerfile, "Dockerfile: the user is not the one that the manifests name")
expect('CMD ["switchyard", "health"]' in dockerfile, "Dockerfile: no HEALTHCHECK")
health = (ROOT / "host/src/cli/health.rs").read_text()
asked = re.search(r'default_value = "http://127\.0\.0\.1:8080(/[^"]*)"', health)
expect(asked and asked[1] == "/health/live", "switchyard health does not ask /health/live by default")

# The router.
asked = set(re.findall(r"httpchk GET (\S+)", haproxy))
expect(asked == {"/health/ready", "/health/live"} and asked <= paths, f"haproxy.cfg asks {asked}")
expect("shutdown-sessions" not in haproxy, "haproxy.cfg cuts off what a gateway that stops is finishing")
router_health = re.search(r"monitor-uri (\S+)", haproxy)[1]
most, idle = (int(re.search(rf"default-server .*\b{key} (\d+)", haproxy)[1]) for key in ("maxconn", "pool-max-conn"))
expect(2 * most <= CONCURRENT_REQUESTS, f"haproxy.cfg: two routers send {2 * most} requests at once")
expect(2 * (most + idle) <= 2 * CONCURRENT_REQUESTS, "haproxy.cfg: two routers hold more connections than a gateway takes")

# Compose.
[compose] = documents("compose/compose.yaml")
gateways = [s for name, s in compose["services"].items() if name.startswith("gateway")]
expect(len(gateways) == 2, "compose: not an active gateway and a standby")
for name, service in compose["services"].items():
    expect(service.get("cap_drop") == ["ALL"], f"compose: {name} keeps capabilities")
    expect(service.get("read_only") or name == "postgres", f"compose: {name} can write its root")
    for mounted in service.get("volumes", []):
        source = mounted.split(":")[0]
        if source.startswith(".") and not source.startswith("../../"):
            expect((HERE / "compose" / source).exists(), f"compose: {name} mounts {source}, which is not there")
    for secret in service.get("secrets", []):
        expect(secret in compose["secrets"], f"compose: {name} wants the secret {secret}, which is not there")
    if name.startswith(("gateway", "router")):
        grace = int(service["stop_grace_period"].removesuffix("s"))
        expect(grace > STOP_SECONDS, f"compose: {name} is killed before it has drained")
    if service["image"].startswith("switchyard:"):
        expect(service["image"] == f"switchyard:{version}", f"compose: {name} is of another version than {version}")
    if service["image"].startswith("haproxy:"):
        routers.add(service["image"])
for gateway in gateways:
    expect("SECRETS_UID" in gateway["user"], "compose: the gateways are not the user whose secrets they read")
setup = (HERE / "compose/setup.sh").read_text()
for secret in compose["secrets"]:
    expect(secret in setup, f"compose/setup.sh does not make {secret}")
check_setup(None)
if os.geteuid() == 0:
    check_setup(65534)
config = tomllib.loads((HERE / "compose/switchyard.toml").read_text())
expect(config["server"]["drain_timeout_ms"] <= DRAIN_MS, "compose: nobody is active for too long while a gateway stops")
for gateway in gateways:
    stage = gateway["environment"]["SWITCHYARD_STAGE"]
    file = f"switchyard.{stage}.toml"
    expect(f"./{file}:/etc/switchyard/{file}:ro" in gateway["volumes"], f"compose: {file} is not mounted")
    check_stage("compose", stage, config, tomllib.loads((HERE / "compose" / file).read_text()))
for place in re.findall(r"file:/run/secrets/(\w+)", str(config)):
    expect(place in gateways[0]["secrets"], f"compose/switchyard.toml reads the secret {place}, which is not mounted")
server = config["server"]
expect(server["proxies_in_a_row"] == 1, "compose: the router is the only proxy")
expect(server["drain_notice_seconds"] == NOTICE_SECONDS, "compose: gateways close before the router has turned away")
subnet = compose["networks"]["inside"]["ipam"]["config"][0]["subnet"]
expect(config["server"]["trusted_proxies"] == [subnet], "compose/switchyard.toml trusts another network than the routers'")

# Kubernetes.
[kustomization] = documents("kustomization.yaml")
files = kustomization["resources"] + [f for g in kustomization["configMapGenerator"] for f in g["files"]]
for path in files:
    expect((HERE / path).is_file(), f"kustomization.yaml names {path}, which is not there")
expect(
    set(kustomization["resources"]) == {f"kubernetes/{p.name}" for p in (HERE / "kubernetes").glob("*.yaml")},
    "kustomization.yaml does not name every manifest",
)
expect([i["newTag"] for i in kustomization["images"]] == [version], f"kustomization.yaml: another version than {version}")
objects = [o for path in kustomization["resources"] for o in documents(path)]
kinds = [o["kind"] for o in objects]
expect("HorizontalPodAutoscaler" not in kinds, "Kubernetes: an autoscaler, and one gateway writes")
labels = []
for deployment in (o for o in objects if o["kind"] == "Deployment"):
    name, spec = deployment["metadata"]["name"], deployment["spec"]
    pod = spec["template"]["spec"]
    labels.append(spec["template"]["metadata"]["labels"])
    expect(spec["replicas"] == 2, f"Kubernetes: {name} has not two replicas")
    expect(pod["securityContext"]["runAsNonRoot"], f"Kubernetes: {name} may run as root")
    expect(pod["terminationGracePeriodSeconds"] > STOP_SECONDS, f"Kubernetes: {name} is killed before it has drained")
    for container in pod["containers"]:
        may = container["securityContext"]
        safe = may["readOnlyRootFilesystem"] and not may["allowPrivilegeEscalation"]
        expect(safe and may["capabilities"]["drop"] == ["ALL"], f"Kubernetes: {name} may too much")
        if container["image"].startswith("haproxy:"):
            routers.add(container["image"])
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container:
                path = container[probe]["httpGet"]["path"]
                known = path == router_health if "router" in name else path in paths
                expect(known, f"Kubernetes: {name} is asked {path}, which nobody answers")
                # It would keep the standby unready for ever, and rollouts from ending.
                expect(path != "/health/ready", f"Kubernetes: {probe} of {name} is not passed by a standby")
for selecting in objects:
    spec = selecting.get("spec", {})
    selector = spec.get("selector") if selecting["kind"] in ("Service", "PodDisruptionBudget") else spec.get("podSelector")
    selector = (selector or {}).get("matchLabels", selector)
    if selector:
        expect(
            any(selector.items() <= pod.items() for pod in labels),
            f"Kubernetes: {selecting['kind']} {selecting['metadata']['name']} selects nothing",
        )
budgets = [o for o in objects if o["kind"] == "PodDisruptionBudget"]
expect(len(budgets) == 2, "Kubernetes: not every Deployment has a disruption budget")
config = tomllib.loads((HERE / "kubernetes/switchyard.toml").read_text())
expect(config["server"]["drain_timeout_ms"] <= DRAIN_MS, "Kubernetes: nobody is active for too long while a gateway stops")
[gateway] = [o for o in objects if o["kind"] == "Deployment" and o["metadata"]["name"] == "switchyard-gateway"]
[container] = gateway["spec"]["template"]["spec"]["containers"]
stage = next(e["value"] for e in container["env"] if e["name"] == "SWITCHYARD_STAGE")
file = f"switchyard.{stage}.toml"
mounts = {m["mountPath"]: m.get("subPath") for m in container["volumeMounts"]}
expect(mounts.get(f"/etc/switchyard/{file}") == file, f"Kubernetes: {file} is not mounted")
expect(f"kubernetes/{file}" in files, f"kustomization.yaml does not name kubernetes/{file}")
check_stage("Kubernetes", stage, config, tomllib.loads((HERE / "kubernetes" / file).read_text()))
server = config["server"]
expect(server["proxies_in_a_row"] == 1, "Kubernetes: the router is the only proxy")
expect(server["drain_notice_seconds"] == NOTICE_SECONDS, "Kubernetes: gateways close before routers have turned away")
wanted = set(re.findall(r"/etc/switchyard/secrets/([\w.-]+)", str(config))) | {"auth-keys"}
readme = (ROOT / "README.md").read_text()
for key in wanted:
    expect(f"--from-literal={key}=" in readme or f"--from-file={key}=" in readme, f"README.md does not put {key} into the Secret")

# AWS.
[template] = documents("aws/switchyard.yaml", CloudFormation)
routers.add(template["Parameters"]["RouterImage"]["Default"])
resources = template["Resources"]
expect(not any("AutoScaling" in r["Type"] for r in resources.values()), "AWS: something scales, and one gateway writes")
expect(resources["Gateways"]["Properties"]["DesiredCount"] == 2, "AWS: not an active gateway and a standby")
expect("LoadBalancers" not in resources["Gateways"]["Properties"], "AWS: ECS would replace the standby for not being ready")
for name, variable, value in [
    ("GatewayTask", "SWITCHYARD__SERVER__PROXIES_IN_A_ROW", "2"),
    ("GatewayTask", "SWITCHYARD__SERVER__DRAIN_NOTICE_SECONDS", str(NOTICE_SECONDS)),
    ("RouterTask", "BEHIND_LOAD_BALANCER", "1"),
]:
    container = next(c for c in resources[name]["Properties"]["ContainerDefinitions"] if c["Essential"])
    given = {pair["Name"]: pair["Value"] for pair in container["Environment"]}
    expect(given.get(variable) == value, f"AWS: {name} has not {variable}={value}")
for name, resource in resources.items():
    if resource["Type"] != "AWS::ECS::TaskDefinition":
        continue
    for container in resource["Properties"]["ContainerDefinitions"]:
        expect(container["ReadonlyRootFilesystem"], f"AWS: {name} can write its root")
        expect(container["LogConfiguration"]["LogDriver"] == "awslogs", f"AWS: {name} logs elsewhere")
        if container["Essential"]:
            expect(container["StopTimeout"] > STOP_SECONDS, f"AWS: {name} is killed before it has drained")
[filling, gateway] = resources["GatewayTask"]["Properties"]["ContainerDefinitions"]
for container in (filling, gateway):
    said = {e["Name"]: e["Value"] for e in container["Environment"]}
    expect(said.get("SWITCHYARD_STAGE") == "Stage", f"AWS: {container['Name']} is not told its stage")
expect(int(said["SWITCHYARD__SERVER__DRAIN_TIMEOUT_MS"]) <= DRAIN_MS, "AWS: nobody is active for too long while a gateway stops")
expect(template["Parameters"]["Stage"]["AllowedValues"] == ["staging", "production"], "AWS: stages that the gateway does not know")
written = re.search(r"printf '([^']*)' >\"/data/switchyard\.\$SWITCHYARD_STAGE\.toml\"", filling["Command"][0])
expect(written, "AWS: nobody writes the stage's file")
above = tomllib.loads(written[1].replace("\\n", "\n")) if written else {}
config = tomllib.loads((HERE / "image.toml").read_text() + "\n" + (HERE / "aws/venues.toml").read_text())
check_stage("AWS", template["Parameters"]["Stage"]["Default"], config, above)
for parameter in re.findall(r"ssm:///switchyard/production/([\w/-]+)", str(config)):
    expect(parameter.startswith("secrets/") and f"put {parameter} " in (ROOT / "README.md").read_text(), f"AWS: nobody puts {parameter}")
idle = next(int(a["Value"]) for a in resources["LoadBalancer"]["Properties"]["LoadBalancerAttributes"] if a["Key"].startswith("idle"))
for timeout in ("client", "http-keep-alive"):
    kept = int(re.search(rf"timeout {timeout} (\d+)s", haproxy)[1])
    expect(kept > idle, f"haproxy.cfg: timeout {timeout} ends connections that the load balancer keeps for {idle} s")
expect(
    resources["RouterTargets"]["Properties"]["HealthCheckPath"] == router_health,
    "AWS: the load balancer asks what the router does not answer",
)
told = (ROOT / "host/src/telemetry/emf/selection.rs").read_text()
for metric in set(re.findall(r"switchyard_[a-z_]+", str(resources))):
    expect(f'"{metric}"' in told, f"AWS: an alarm is about {metric}, which is not told to CloudWatch")
for parameter in set(re.findall(r"parameter/switchyard/\$\{Stage\}/(start/[\w-]+)", str(resources))):
    expect(f"put {parameter} " in readme, f"README.md does not make the parameter {parameter}")
for parameter in set(re.findall(r"/switchyard/\$\{Stage\}/(secrets/[\w-]+)", str(resources))):
    expect(f"put {parameter} " in readme, f"README.md does not make the parameter {parameter}")

expect(len(routers) == 1, f"routers of several images: {routers}")

for problem in problems:
    print(problem)
sys.exit(1 if problems else 0)
