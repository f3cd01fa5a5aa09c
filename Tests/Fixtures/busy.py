#!/usr/bin/python3
# One busy client, until SIGTERM, when it prints a line of JSON.
#
#   busy.py hold ADDRESS PORT   one connection: a line there and back, again and again
#   busy.py make ADDRESS PORT   one connection after another, a line there and back on each
#
# hold: {"rounds": N, "error": null}; make: how often whom was reached with which origin: {"proxy 1.2.3.4:80": 7, ...}.
# A first line "started" comes when the first round is over; after every hundred rounds a line with their number.
import collections, json, signal, socket, struct, sys, time

kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
rounds, error, reached = 0, None, collections.Counter()
ended = False


def end(number, frame):
    global ended
    ended = True


signal.signal(signal.SIGTERM, end)


def opened():
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect((address, port))
    return connection


def talk(connection):
    connection.sendall(b"token\n")
    answer = b""
    while not answer.endswith(b"\n"):
        part = connection.recv(65536)
        if not part:
            raise OSError("the connection ended")
        answer += part
    return json.loads(answer)


connection = opened() if kind == "hold" else None
while not ended:
    try:
        if kind == "hold":
            talk(connection)
        else:
            with opened() as one:
                facts = talk(one)
                peer = one.getpeername()
                # Closed with a RST: ports in TIME_WAIT would run out.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            time.sleep(0.001)
            seen = "%s %s" % (facts["name"], facts["original_dst"])
            reached[seen if peer[:2] == (address, port) else "wrong peer %s" % (peer,)] += 1
        rounds += 1
    except OSError as problem:
        if kind == "hold":
            error = str(problem)
            break
        reached["error: %s" % problem] += 1
    if rounds == 1:
        print("started", flush=True)
    if rounds % 100 == 0:
        print(rounds, flush=True)
print(json.dumps({"rounds": rounds, "error": error} if kind == "hold" else reached), flush=True)
