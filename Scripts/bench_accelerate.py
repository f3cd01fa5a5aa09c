"""The short cut between sockets of one node, beside the same connections without it; part of Scripts/bench."""

import json

SIZES = [64, 1024, 4096, 16384, 65536]


class Pods:
    """Two pods on one link, as they are with or without acceleration."""

    def __init__(self, bench, name, number, run):
        self.near, self.far = bench.namespace(f"{name}-a"), bench.namespace(f"{name}-b")
        self.address = f"10.78.{number}.2"
        run("ip", "link", "add", "eth0", "netns", self.near, "type", "veth", "peer", "name", "eth0", "netns", self.far)
        for namespace, host in ((self.near, 1), (self.far, 2)):
            run("ip", "-n", namespace, "addr", "add", f"10.78.{number}.{host}/24", "dev", "eth0")
            run("ip", "-n", namespace, "link", "set", "eth0", "up")

    def workloads(self, acceleration, budget=None):
        # The measuring process is root: an application in the near pod's proxy's eyes, a proxy in the far one's.
        return [
            f"{{name: {name}, selector: {{netns: /run/netns/{name}}}, acceleration: {acceleration}, "
            + (f"accelerationBudget: {budget}, " if budget else "") +
            f"proxy: {{outbound: 15001, inbound: 15006, uids: [{uid}], reads: untilEmpty}}, applicationReads: untilEmpty}}"
            for name, uid in ((self.near, 1337), (self.far, 0))
        ]


class Way:
    """One of the two ways between sockets: inside a pod, and between the proxies of two."""

    def __init__(self, key, title, plain, fast, target):
        self.key, self.title, self.plain, self.fast, self.target = key, title, plain, fast, target

    def measure(self, bench, command, *arguments):
        return bench.measure(
            self.plain, command, self.target(False), self.target(True), *arguments, "--netns-a", self.plain,
            "--netns-b", self.fast, uid=0)


def sockets(bench, options, Result, run, say):
    """Round trips, streams and the making of connections between two sockets."""
    plain, fast = Pods(bench, "plain", 1, run), Pods(bench, "fast", 2, run)
    bench.configure(plain.workloads("off") + fast.workloads("full", options.budget))
    bench.load()
    pods = (plain, fast)
    ways = [
        Way("pod", "application and proxy of a pod", plain.near, fast.near, lambda _: "127.0.0.1:15001"),
        # From the far pod, whose proxy root is, to a listener that inbound connections of the near one are steered to.
        Way("node", "proxies of two pods", plain.far, fast.far,
            lambda is_fast: f"{pods[is_fast].address[:-1]}1:8080"),
    ]
    results = []
    for way in ways:
        trips = [Result(f"{way.key}.rtt.{size}", f"round trip of {size} B, {way.title}", 0.88, "ns") for size in SIZES]
        streams = [
            Result(f"{way.key}.stream.{size}", f"stream by writes of {size // 1024} KiB, {way.title}", limit, "Mbit/s",
                   at_least=True) for size, limit in ((262144, 1.7), (65536, None), (16384, 0.98))]
        making = Result(f"{way.key}.first_byte", f"connect() to the first byte, {way.title}", 1.05, "ns")
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}: {way.title}")
            port = "15001" if way.key == "pod" else "15006"
            for mode in ("echo", "discard", "greet"):
                sinks = [bench.start(pod.near, 1337, bench.exercise, "bench-sink", "--port", port, "--mode", mode)
                         for pod in pods]
                if mode == "echo":
                    awake = bench.keep_awake()
                    for size, result in zip(SIZES, trips):
                        answer = way.measure(
                            bench, "bench-rtt", "--size", str(size), "--count", str(options.count // 4))
                        result.add(answer["a"]["rtt_ns"]["p50"], answer["b"]["rtt_ns"]["p50"])
                    for process in awake:
                        bench.stop(process)
                elif mode == "discard":
                    for result in streams:
                        size = result.key.rsplit(".", 1)[1]
                        answer = way.measure(bench, "bench-stream", "--size", size, "--rounds", "13", "--megabytes", "64")
                        result.add(answer["a"]["mbit_per_s"]["p50"], answer["b"]["mbit_per_s"]["p50"])
                else:
                    answer = way.measure(bench, "bench-connect", "--first-byte", "--count", str(options.count // 4))
                    making.add(answer["a"]["connect_ns"]["p50"], answer["b"]["connect_ns"]["p50"])
                for sink in sinks:
                    bench.stop(sink)
        results += trips + streams + [making]
    counted = json.loads(run(bench.weir, "stats", "-o", "json", "--config", bench.configuration))
    bench.unload()
    paths = {}
    for row in counted["paths"]:
        one = paths.setdefault(row["workload"], {})
        one[row["path"]["path"]] = {key: row["path"][key] for key in ("messages", "bytes")}
    say(f"messages by path: {json.dumps(paths)}")
    if not all(paths.get(name, {}).get("redirect", {}).get("messages") for name in (fast.near, fast.far)):
        raise SystemExit(f"bench: nothing went past the stack: {paths}")
    if plain.near in paths or plain.far in paths:
        raise SystemExit(f"bench: the plain side was accelerated, too: {paths}")
    return results
