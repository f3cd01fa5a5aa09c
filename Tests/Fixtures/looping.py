#!/usr/bin/python3
# A transparent proxy and forwarder of DNS that does nothing to have its own connections and queries left alone.
#
#   looping.py PORT DNS-PORT RESOLVER LIMIT
#
# Prints "ready"; on SIGTERM how many connections and queries it got: {"connections": N, "queries": N}. It passes on no
# more than LIMIT of each and holds the rest, so that a test without a guard ends.
import collections, json, signal, socket, struct, sys, threading

port, dns_port, resolver, limit = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
got = collections.Counter()
held = []


def end(number, frame):
    print(json.dumps({"connections": got["connections"], "queries": got["queries"]}), flush=True)
    sys.exit(0)


def origin(connection):
    if connection.family == socket.AF_INET:
        _, port, address = struct.unpack("!HH4s8x", connection.getsockopt(socket.SOL_IP, 80, 16))
        return socket.inet_ntop(socket.AF_INET, address), port
    _, port, _, address = struct.unpack("!HHI16s4x", connection.getsockopt(41, 80, 28))
    return socket.inet_ntop(socket.AF_INET6, address), port


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for one in (source, target):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def pass_on(connection):
    upstream = socket.socket(connection.family, socket.SOCK_STREAM)
    try:
        upstream.settimeout(20)
        upstream.connect(origin(connection))
    except OSError:
        connection.close()
        upstream.close()
        return
    threading.Thread(target=copy, args=(upstream, connection), daemon=True).start()
    copy(connection, upstream)
    connection.close()
    upstream.close()


def accept(listener):
    while True:
        connection, _ = listener.accept()
        got["connections"] += 1
        if got["connections"] > limit:
            held.append(connection)
            continue
        threading.Thread(target=pass_on, args=(connection,), daemon=True).start()


def forward(server, query, client):
    upstream = socket.socket(server.family, socket.SOCK_DGRAM)
    upstream.settimeout(5)
    try:
        upstream.sendto(query, (resolver, 53))
        server.sendto(upstream.recvfrom(4096)[0], client)
    except OSError:
        # SERVFAIL
        server.sendto(query[:2] + b"\x81\x82" + query[4:], client)
    upstream.close()


def serve(server):
    while True:
        query, client = server.recvfrom(4096)
        got["queries"] += 1
        if got["queries"] <= limit:
            threading.Thread(target=forward, args=(server, query, client), daemon=True).start()


threading.stack_size(256 << 10)
signal.signal(signal.SIGTERM, end)
for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(1024)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", dns_port))
threading.Thread(target=serve, args=(server,), daemon=True).start()
print("ready", flush=True)
while True:
    signal.pause()
