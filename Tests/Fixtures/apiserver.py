"""The part of a Kubernetes API server that an agent asks for, on a free port of 127.0.0.1, which it prints.

apiserver.py [CERTIFICATE]: a PEM file with certificate and key makes it speak TLS.

Tests steer it by POST: /fake/put with a Pod, /fake/delete/NAMESPACE/NAME, /fake/bookmark, /fake/break (watches end),
/fake/expire (versions of before are "410 Gone"), /fake/token with the token to ask for from now on, /fake/line with a
line of the watches as it is, /fake/endless/MEGABYTES (an event that goes on for so long), /fake/multiply/COUNT (lists
have each pod so many times).
GET /fake/requests gives what was asked for, a line a request.
"""
import http.server, json, ssl, sys, threading
from urllib.parse import parse_qs, urlparse

lock = threading.Condition()
pods, events, requests = {}, [], []  # events: (version, type, object)
state = {"version": 100, "oldest": 0, "token": None, "generation": 0, "copies": 1}


def step():
    state["version"] += 1
    return state["version"]


def change(kind, pod):
    pod["metadata"]["resourceVersion"] = str(step())
    events.append((state["version"], kind, json.loads(json.dumps(pod))))
    lock.notify_all()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, value):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def status(self, code, message):
        self.answer(code, {"kind": "Status", "code": code, "message": message})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlparse(self.path).path.split("/")[2:]
        with lock:
            if path[0] == "put":
                pod = json.loads(body)
                name = pod["metadata"]["namespace"], pod["metadata"]["name"]
                kind = "MODIFIED" if name in pods else "ADDED"
                pods[name] = pod
                change(kind, pod)
            elif path[0] == "delete":
                change("DELETED", pods.pop((path[1], path[2])))
            elif path[0] == "bookmark":
                bookmark = {"kind": "Pod", "metadata": {"resourceVersion": str(step())}}
                events.append((state["version"], "BOOKMARK", bookmark))
            elif path[0] == "break":
                state["generation"] += 1
            elif path[0] == "expire":
                state["oldest"] = step()
                state["generation"] += 1
            elif path[0] == "line":
                events.append((step(), "RAW", body))
            elif path[0] == "endless":
                events.append((step(), "ENDLESS", int(path[1])))
            elif path[0] == "multiply":
                state["copies"] = int(path[1])
            elif path[0] == "token":
                state["token"] = body.decode()
            lock.notify_all()
        self.answer(200, {})

    def do_GET(self):
        url = urlparse(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path == "/fake/requests":
            return self.answer(200, "\n".join(requests).encode())
        with lock:
            requests.append(self.path)
            generation = state["generation"]
            if state["token"] and self.headers.get("Authorization") != "Bearer " + state["token"]:
                return self.status(401, "Unauthorized")
        if url.path != "/api/v1/pods":
            parts = url.path.split("/")
            pod = pods.get((parts[4], parts[6]))
            return self.answer(200, pod) if pod else self.status(404, 'pods "%s" not found' % parts[6])
        if query.get("watch"):
            return self.watch(int(query["resourceVersion"]), generation)
        with lock:
            metadata = {"resourceVersion": str(state["version"])}
            self.answer(200, {"kind": "PodList", "metadata": metadata, "items": list(pods.values()) * state["copies"]})

    def watch(self, version, generation):
        if version < state["oldest"]:
            return self.status(410, "too old resource version")
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                with lock:
                    new = [event for event in events if event[0] > version]
                    if not new and generation == state["generation"]:
                        lock.wait(1)
                        continue
                    ended = generation != state["generation"]
                for version, kind, thing in new:
                    if kind == "ENDLESS":
                        self.endless(thing)
                        continue
                    line = (thing if kind == "RAW" else json.dumps({"type": kind, "object": thing}).encode()) + b"\n"
                    # In two pieces, as a network may bring them.
                    for piece in (line[: len(line) // 2], line[len(line) // 2 :]):
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                if ended:
                    self.wfile.write(b"0\r\n\r\n")
                    return
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def endless(self, megabytes):
        self.chunk(b'{"type":"ADDED","object":{"metadata":{"name":"')
        for _ in range(megabytes * 16):
            self.chunk(b"x" * (64 << 10))
        self.chunk(b'"}}}\n')

    def chunk(self, piece):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
if sys.argv[1:]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
