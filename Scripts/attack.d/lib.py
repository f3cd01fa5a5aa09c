"""What the attacks share: an installation of Weir, namespaces, a fake API server, and the line that each prints."""
import atexit, http.client, json, os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = os.environ["WEIR"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("weir", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Attack:
    """One attack. What it makes goes with it, also when it fails half way."""

    def __init__(self, name):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f"weir-attack-{os.getpid()}-")
        self.children, self.namespaces, self.installed, self.cgroups = [], [], False, []
        self.pins = f"weir-attack-{os.getpid()}"
        self.socket = f"{self.folder}/weir.sock"
        self.file = f"{self.folder}/weir.yaml"
        self.port = free_port()
        atexit.register(self.clean)
        # A time limit that ends this process must not leave namespaces behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    def held(self, what):
        """It held: what was seen."""
        print(f"held   {self.name:24} {what}", flush=True)
        sys.exit(0)

    def failed(self, what):
        print(f"FAILED {self.name:24} {what}", flush=True)
        sys.exit(1)

    def require(self, holds, what):
        if not holds:
            self.failed(what)

    # What is attacked

    def configure(self, workloads=(), agent="", rest=""):
        """The configuration: workloads are YAML flow mappings, agent is more of the agent's settings."""
        with open(self.file + ".new", "w") as file:
            file.write(
                f'agent: {{pins: {self.pins}, socket: {self.socket}, listen: "127.0.0.1:{self.port}"'
                + (f", {agent}" if agent else "")
                + "}\n"
                + (rest + "\n" if rest else "")
                + ("workloads:\n" + "".join(f"  - {one}\n" for one in workloads) if workloads else "workloads: []\n")
            )
        os.rename(self.file + ".new", self.file)

    def kubernetes(self, server):
        """The agent's setting that has it follow the pods of a fake API server."""
        return f"kubernetes: {{enabled: true, node: node-1, kubeconfig: {server.kubeconfig}}}"

    def agent(self, seconds=20, environment=None):
        """Starts an agent with that configuration and waits until it says that it is ready."""
        self.installed = True
        log = open(f"{self.folder}/agent.log", "ab")
        start = log.tell()
        child = self.start([WEIR, "agent", "--config", self.file], stderr=log, stdout=log, env=environment)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            text = self.log()[start:]
            if "agent ready" in text:
                return child
            if child.poll() is not None:
                self.failed(f"the agent ended with {child.returncode}: {text[-600:]}")
            time.sleep(0.02)
        self.failed(f"the agent was not ready within {seconds} s: {self.log()[start:][-600:]}")

    def log(self):
        try:
            return open(f"{self.folder}/agent.log", errors="replace").read()
        except FileNotFoundError:
            return ""

    def weir(self, *arguments, seconds=20):
        """Runs a command with that configuration: (status, what it printed)."""
        done = subprocess.run(
            [WEIR, *arguments, "--config", self.file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=seconds)
        return done.returncode, done.stdout.decode(errors="replace")

    def ask(self, method, target, body=None, seconds=20):
        """One request over the admin socket: (status, body, seconds that it took)."""
        begin = time.monotonic()
        connection = UnixConnection(self.socket, seconds)
        try:
            connection.request(method, target, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace"), time.monotonic() - begin
        finally:
            connection.close()

    def add(self, pod, namespace, seconds=20):
        """What the CNI plugin asks for when a pod's sandbox is made."""
        meta = pod["metadata"]
        return self.ask("POST", "/v1/cni/add", {
            "containerID": f"sandbox-{meta['uid']}", "netns": f"/run/netns/{namespace}", "ifName": "eth0",
            "podNamespace": meta["namespace"], "podName": meta["name"], "podUID": meta["uid"], "addresses": []}, seconds)

    def entries(self, name):
        """The entries of one of the installation's maps, as bpftool prints them."""
        done = subprocess.run(
            ["bpftool", "-j", "map", "dump", "pinned", f"/sys/fs/bpf/{self.pins}/maps/{name}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.require(done.returncode == 0, f"bpftool cannot read {name}: {(done.stdout[-200:] + done.stderr[-200:])}")
        return json.loads(done.stdout)

    def counted(self, workload, reason):
        """The connections of a workload that were decided for a reason."""
        _, text = self.weir("stats", "-o", "json")
        return sum(row["counter"]["connections"] for row in json.loads(text)["rows"]
                   if row["workload"] == workload and row["counter"]["reason"] == reason)
    def identities(self):
        """What is intercepted, by name: "netns:COOKIE"."""
        status, text = self.weir("workloads", "-o", "json")
        return {one["name"]: one["identity"] for one in json.loads(text)["workloads"]}

    def cookie(self, namespace):
        """A namespace as `identities` has it (SO_NETNS_COOKIE)."""
        script = "import socket; print(int.from_bytes(socket.socket().getsockopt(1, 71, 8), 'little'))"
        command = ["nsenter", f"--net=/run/netns/{namespace}", "/usr/bin/python3", "-c", script]
        return "netns:" + subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def pod_process(self, uid, namespace, *command, owner=0, user=0):
        """Starts a process as a runtime does, in the cgroup of a pod's name below a folder of somebody's."""
        root = next(p for p in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(f"{p}/cgroup.procs"))
        path = f"{root}/{self.pins}-{owner}"
        for one in (path, f"{path}/kubepods", f"{path}/kubepods/pod{uid}"):
            if not os.path.exists(one):
                os.mkdir(one)
                os.chown(one, owner, owner)
                self.cgroups.insert(0, one)
        join = f'echo $$ > {one}/cgroup.procs; exec setpriv --reuid {user} --regid {user} --clear-groups "$@"'
        return self.inside(namespace, "sh", "-c", join, "sh", *command)

    def eventually(self, body, what, seconds=20):
        """Waits until it is so."""
        end = time.monotonic() + seconds
        while not body():
            self.require(time.monotonic() < end, what)
            time.sleep(0.05)

    # Who attacks, and beside whom

    def namespace(self, name, address=None):
        """A network namespace with its loopback interface up, and an eth0 if it is to have an address."""
        whole = f"weir-attack-{os.getpid()}-{name}"
        run("ip", "netns", "add", whole)
        self.namespaces.append(whole)
        run("ip", "-n", whole, "link", "set", "lo", "up")
        if address:
            run("ip", "-n", whole, "link", "add", "eth0", "type", "veth", "peer", "name", "peer0")
            run("ip", "-n", whole, "link", "set", "peer0", "up")
            run("ip", "-n", whole, "address", "add", address, "dev", "eth0")
            run("ip", "-n", whole, "link", "set", "eth0", "up")
            run("ip", "-n", whole, "route", "add", "default", "dev", "eth0")
        return whole

    def inside(self, namespace, *command, **options):
        """Starts a command in a namespace, which keeps the cgroup and BPF file systems in sight."""
        return self.start(["nsenter", f"--net=/run/netns/{namespace}", *command], **options)

    def start(self, command, **options):
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        self.children.append(child)
        return child

    def server(self):
        return FakeServer(self)

    def clean(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self.installed:
            try:
                self.weir("unload")
            except Exception as error:
                print(f"attack: unload: {error}", file=sys.stderr)
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
        for path in self.cgroups:
            try:
                os.rmdir(path)
            except OSError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


class FakeServer:
    """The fake API server of the tests, with the pods of "node-1"."""

    def __init__(self, attack):
        child = attack.start(
            [sys.executable, str(ROOT / "Tests/Fixtures/apiserver.py")], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.port = int(child.stdout.readline().split()[-1])
        self.kubeconfig = f"{attack.folder}/kubeconfig-{self.port}"
        with open(self.kubeconfig, "w") as file:
            json.dump({
                "apiVersion": "v1", "kind": "Config", "current-context": "test",
                "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
                "users": [{"name": "test", "user": {"token": "any"}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}, file)

    def post(self, path, value=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", path, json.dumps(value) if value is not None else "")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def put(self, pod):
        self.post("/fake/put", pod)
        return pod

    def line(self, text):
        """A line of the watches, as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", "/fake/line", text.encode("latin-1"))
        connection.getresponse().read()
        connection.close()

    def requests(self):
        """The targets of all requests, in order."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/fake/requests")
        text = connection.getresponse().read().decode()
        connection.close()
        return text.split("\n")


def pod(name, annotations=None, labels=None, uid=None, containers=None, sidecar=True):
    """A pod of node-1 with Istio's sidecar, as the API server has it."""
    containers = containers or [{"name": "app"}] + (
        [{"name": "istio-proxy", "securityContext": {"runAsUser": 1337, "runAsGroup": 1337}}] if sidecar else [])
    annotations = dict(annotations or {})
    if sidecar:
        annotations.setdefault("sidecar.istio.io/status", "{}")
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "attack", "uid": uid or f"uid-{name}", "labels": labels or {},
            "annotations": annotations},
        "spec": {"nodeName": "node-1", "containers": containers},
        "status": {"phase": "Running"}}


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def free_port():
    """Below the ports that the kernel gives to whoever asks for any."""
    for port in range(16000 + os.getpid() % 8000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError("no free port")


def as_nobody(attack, source, *arguments, **options):
    """Starts Python source as an unprivileged user, who has nothing but what anyone on the node has."""
    def drop():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    return attack.start([sys.executable, "-c", source, *map(str, arguments)], preexec_fn=drop, **options)


def get(port, target, seconds=5, host=None):
    """One request to the open port, as the liveness probe makes it: (status, body, seconds that it took)."""
    begin = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", target, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace"), time.monotonic() - begin
    finally:
        connection.close()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def eventually(condition, seconds=20):
    """Asks again and again until it is true: what it was at last."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return value


class Interception:
    """A pod whose proxy listens, and who answers its connections: the proxy or its own server."""

    SERVER = r"""
import socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((sys.argv[1], int(sys.argv[2])))
listener.listen(64)
print("ready", flush=True)
while True:
    client, _ = listener.accept()
    client.send(sys.argv[3].encode())
    client.close()
"""
    CLIENT = "import socket; print(socket.create_connection(('192.0.2.1', 80), 5).recv(10).decode())"

    def __init__(self, attack, name="pod", mechanism="ebpf"):
        self.attack = attack
        self.pod, self.outside = attack.namespace(name), attack.namespace(f"{name}-outside")
        run("ip", "link", "add", "eth0", "netns", self.pod, "type", "veth", "peer", "name", "eth0", "netns", self.outside)
        for number, namespace in ((2, self.pod), (1, self.outside)):
            run("ip", "-n", namespace, "address", "add", f"192.0.2.{number}/24", "dev", "eth0")
            run("ip", "-n", namespace, "link", "set", "eth0", "up")
        for namespace, end in ((self.pod, ("127.0.0.1", "15001", "proxy")), (self.outside, ("192.0.2.1", "80", "direct"))):
            server = attack.inside(namespace, sys.executable, "-c", self.SERVER, *end, stdout=subprocess.PIPE)
            server.stdout.readline()
        self.workload = (
            f"{{name: {name}, selector: {{netns: /run/netns/{self.pod}}}, proxy: {{outbound: 15001, uid: 4242}}, "
            f"mechanism: {mechanism}}}")

    def answers(self):
        """Who answers a connection of the pod's: "proxy", or "direct" when it goes past it."""
        child = self.attack.inside(
            self.pod, sys.executable, "-c", self.CLIENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return child.communicate(timeout=20)[0].decode().strip()

    def ready(self):
        """What /readyz says: (status, text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.attack.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def repairs(self, what):
        """weir_repairs_total of the metrics."""
        connection = http.client.HTTPConnection("127.0.0.1", self.attack.port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return sum(
            float(line.split()[-1]) for line in text.splitlines()
            if line.startswith(f'weir_repairs_total{{what="{what}"}}'))
