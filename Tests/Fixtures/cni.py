"""Calls the agent as the CNI plugin does: cni.py SOCKET VERB < REQUESTS, one JSON object a line.

Prints how many were answered how, and how long an answer took.
"""
import http.client, json, socket, sys, time

path, verb = sys.argv[1:]


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)


times, intercepted, problems = [], 0, []
for line in sys.stdin:
    connection = Connection("weir", timeout=30)
    start = time.perf_counter()
    connection.request("POST", "/v1/cni/" + verb, line, {"Connection": "close"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    times.append((time.perf_counter() - start) * 1000)
    connection.close()
    if response.status != 200:
        problems.append("%d %s" % (response.status, answer["error"]))
    elif answer["intercepted"]:
        intercepted += 1
    else:
        problems.append(answer["reason"])
times.sort()
print(json.dumps({
    "intercepted": intercepted, "problems": problems[:5],
    "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "longest": times[-1],
}))
