"""haproxy.cfg at work: HAProxy itself between callers and two gateways that say who of them is active.

Usage: check_router.py, with haproxy on the PATH. The gateways and the name server that has their addresses are stood
in for; the router is not. Exit code 0 where callers reach the active one and only that.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIG = Path(__file__).resolve().parent / "haproxy.cfg"
ADDRESSES = ["127.0.0.2", "127.0.0.3"]
TAKES_OVER_WITHIN = 10.0
# Longer than it takes the router to see that a gateway is not ready any more.
SLOW_SECONDS = 3.0


class Gateway:
    """Alive until it is stopped; ready only while it is active."""

    def __init__(self, address, port):
        self.is_active = False
        self.asked = []
        self.paths = set()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                gateway.paths.add(self.path)
                length = int(self.headers.get("content-length", 0))
                self.rfile.read(length)
                # A standby is not ready and takes no order; it can be asked, and read from.
                needs_active = self.command != "GET" or self.path == "/health/ready"
                ready = gateway.is_active or not needs_active
                if not self.path.startswith("/health"):
                    gateway.asked.append((self.command, self.headers.get_all("x-forwarded-for")))
                if self.path == "/v1/slow":
                    time.sleep(SLOW_SECONDS)
                self.send_response(200 if ready else 503)
                body = address.encode()
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((address, port), Handler)
        self.server.daemon_threads = True
        # HAProxy's checks close as soon as they know.
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def name_server():
    """Answers every question of addresses with those of the gateways (RFC 1035)."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))

    def serve():
        while True:
            query, peer = listener.recvfrom(4096)
            end = query.index(b"\0", 12) + 5
            (kind,) = struct.unpack(">H", query[end - 4 : end - 2])
            addresses = ADDRESSES if kind == 1 else []
            head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(addresses), 0, 0)
            records = b"".join(
                b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(a) for a in addresses
            )
            listener.sendto(head + query[12:end] + records, peer)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def call(url, method):
    """Status and body of an answer; none where nobody listens yet."""
    data = b"{}" if method == "POST" else None
    request = urllib.request.Request(url, data=data, method=method, headers={"x-forwarded-for": "198.51.100.7"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None, ""


def until(what, holds):
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > TAKES_OVER_WITHIN:
            sys.exit(f"not within {TAKES_OVER_WITHIN:.0f} s: {what}")
        time.sleep(0.05)
    print(f"{time.monotonic() - began:5.2f} s  {what}")


def main():
    for is_behind_load_balancer in [False, True]:
        print("behind a load balancer" if is_behind_load_balancer else "outermost")
        routed(is_behind_load_balancer)


def routed(is_behind_load_balancer):
    gateway_port, port = free_port(), free_port()
    gateways = [Gateway(address, gateway_port) for address in ADDRESSES]
    config = CONFIG.read_text()
    for original, here in [
        ("parse-resolv-conf", f"nameserver test 127.0.0.1:{name_server()}"),
        ("bind :8080", f"bind 127.0.0.1:{port}"),
    ]:
        assert config.count(original) == 1, original
        config = config.replace(original, here)
    url = f"http://127.0.0.1:{port}/v1/orders"
    environment = os.environ | {"GATEWAYS": f"gateways.test:{gateway_port}"}
    environment.pop("BEHIND_LOAD_BALANCER", None)
    if is_behind_load_balancer:
        environment["BEHIND_LOAD_BALANCER"] = "1"
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(config)
        file.flush()
        router = subprocess.Popen(["haproxy", "-q", "-db", "-f", file.name], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            check(gateways, url, is_behind_load_balancer)
        finally:
            router.terminate()
            router.wait()
            for gateway in gateways:
                gateway.server.server_close()


def check(gateways, url, is_behind_load_balancer):
    first, second = gateways
    until("the router answers for itself", lambda: call(url.replace("/v1/orders", "/router/health"), "GET")[0] == 200)

    until("the router knows that none is active", lambda: "no-active-gateway" in call(url, "POST")[1])
    status, body = call(url, "POST")
    problem = json.loads(body)
    assert (status, problem["code"], problem["retryable"]) == (503, "no-active-gateway", True), (status, body)
    until("reads are served all the same", lambda: call(url, "GET")[0] == 200)

    first.is_active = True
    until("orders go to the active one", lambda: call(url, "POST") == (200, ADDRESSES[0]))
    # Reads may have gone to either until now; from here on everything is the active one's.
    second.asked.clear()
    for method in ["GET", "POST", "DELETE"] * 20:
        assert call(url, method) == (200, ADDRESSES[0]), method
    assert second.asked == [], second.asked
    # Whom a caller says that it speaks for is not passed on. What a load balancer says is, before whom the router saw.
    believed = ["198.51.100.7"] if is_behind_load_balancer else []
    assert first.asked[-1][1] == [*believed, "127.0.0.1"], first.asked[-1]

    slow = []
    asking = threading.Thread(target=lambda: slow.append(call(url.replace("/v1/orders", "/v1/slow"), "POST")))
    asking.start()
    until("it is working on a slow one", lambda: any(path == "/v1/slow" for path in first.paths))

    first.is_active, second.is_active = False, True
    until("orders go to the one that took over", lambda: call(url, "POST") == (200, ADDRESSES[1]))
    # What a gateway that stops took on, it finishes.
    asking.join()
    assert slow == [(200, ADDRESSES[0])], slow

    second.server.shutdown()
    second.server.server_close()
    first.is_active = True
    until("orders go back when the other is gone", lambda: call(url, "POST") == (200, ADDRESSES[0]))


main()
