"""A pod's first container: connects from the moment it starts, and counts who answers.

    probe.py HOST PORT SECONDS

The pod's proxy answers by itself as "proxy" and passes nothing on, so any other answer is an escape. Until the proxy
listens, connections are refused; once it has answered, nothing else may happen. An escape after a first connection
that did not escape is also counted as late.
"""
import json, socket, sys, time

host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
counts = {"proxied": 0, "refused_before": 0, "escaped": 0, "escaped_late": 0, "failed": 0}
errors = []
end = None
give_up = time.monotonic() + 60
while time.monotonic() < (end or give_up):
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(b"probe\n")
            answer = json.loads(connection.makefile().readline())
        if answer["name"] == "proxy" and answer["original_dst"] == f"{host}:{port}":
            counts["proxied"] += 1
            end = end or time.monotonic() + seconds
        else:
            counts["escaped"] += 1
            counts["escaped_late"] += bool(counts["proxied"] or counts["refused_before"])
            errors.append(answer)
    except ConnectionRefusedError as error:
        if counts["proxied"]:
            counts["failed"] += 1
            errors.append(str(error))
        else:
            counts["refused_before"] += 1
    except Exception as error:
        counts["failed"] += 1
        errors.append(repr(error))
    time.sleep(0.01)
counts["errors"] = errors[:3]
print(json.dumps(counts), flush=True)
time.sleep(600)
