"""Connects again and again through both sidecars, some at a time, and counts what does not come back as it should.

    load.py HOST PORT SECONDS THREADS
"""
import json, socket, sys, threading, time

host, port, seconds, threads = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
end = time.monotonic() + seconds
lock = threading.Lock()
result = {"connections": 0, "failed": 0, "longest_ms": 0, "errors": []}


def run():
    done, failed, longest, errors = 0, 0, 0, []
    while time.monotonic() < end:
        start = time.monotonic()
        try:
            with socket.create_connection((host, port), timeout=5) as connection:
                connection.sendall(b"load\n")
                answer = json.loads(connection.makefile().readline())
            # Through the server's sidecar, which calls its application from this address; a direct call has the client's.
            if not answer["peer"].startswith("127.0.0.6:"):
                raise ValueError("escaped: " + answer["peer"])
            done += 1
        except Exception as error:
            failed += 1
            errors.append(repr(error))
        longest = max(longest, time.monotonic() - start)
    with lock:
        result["connections"] += done
        result["failed"] += failed
        result["longest_ms"] = max(result["longest_ms"], round(longest * 1000))
        result["errors"] += errors[:3]


workers = [threading.Thread(target=run) for _ in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(json.dumps(result), flush=True)
