import Yams

extension Configuration {
    /// Reads a configuration file's text.
    /// - Parameter file: its name, for errors.
    /// - Throws: all problems, not only the first.
    public init(yaml: String, file: String = "weir.yaml") throws(ConfigurationError) {
        self.init()
        let problems = ProblemList()
        if let root = Self.compose(yaml, problems) {
            read(YAMLValue(node: root, path: "", problems: problems))
        }
        guard problems.problems.isEmpty else {
            throw ConfigurationError(file: file, problems: problems.problems)
        }
        lines = problems.lines
    }

    /// - Returns: nil for an empty file, and for one of which nothing can be read, with a complaint.
    private static func compose(_ yaml: String, _ problems: ProblemList) -> Node? {
        let reading = BoundedYAML.read(yaml, .configuration)
        for problem in reading.problems { problems.add(problem.sentence, at: problem.line, "") }
        problems.repair = reading.repair
        return reading.root
    }

    private mutating func read(_ root: YAMLValue) {
        guard var map = YAMLMapping(root, "the file") else { return }
        if let word = map.take("mechanism")?.word(of: Mechanism.self) { mechanism = word }
        if let word = map.take("acceleration")?.word(of: Acceleration.self) { acceleration = word }
        if let budget = map.take("accelerationBudget")?.accelerationBudget() { accelerationBudget = budget }
        if let value = map.take("agent") { agent.read(value) }
        if let value = map.take("log") { log.read(value) }
        if let value = map.take("proxy") { proxy.read(value) }
        if let value = map.take("workloads"), !value.isNull {
            hasWorkloadList = true
            let readers = (value.items("workloads") ?? []).map { WorkloadReader($0) }
            workloads = readers.compactMap(\.workload)
            Self.compare(readers)
            checkRoom(readers, value)
            for reader in readers { checkMechanism(reader) }
        }
        map.finish()
    }

    private func checkRoom(_ readers: [WorkloadReader], _ list: YAMLValue) {
        var room = ConfigurationRoom()
        for reader in readers {
            guard let workload = reader.workload, let policy = reader.compiled else { continue }
            if (workload.mechanism ?? mechanism) != .nftables { room.take(workload, policy) }
        }
        room.check(list, count: readers.count)
    }

    /// Complains about what a workload asks of nftables in vain, where that is written. Where only the kernel decides for
    /// nftables, whoever applies the configuration does.
    private func checkMechanism(_ reader: WorkloadReader) {
        guard let workload = reader.workload, (workload.mechanism ?? mechanism) == .nftables,
            let refusal = workload.refusal(insists: true)
        else { return }
        let path = "\(reader.value.path).\(refusal.key)"
        // An annotation has no key of that name.
        let line = reader.value.problems.lines[path] ?? reader.value.line
        reader.value.problems.add(refusal.sentence, at: line, path)
    }

    /// Complains about names and selectors that two workloads share.
    private static func compare(_ readers: [WorkloadReader]) {
        var names: [String: YAMLValue] = [:]
        var selectors: [Selector: YAMLValue] = [:]
        for reader in readers {
            if let name = reader.name, let other = names.updateValue(reader.value, forKey: name) {
                reader.value.complain("has the same name as \(other.path), \"\(name)\"; give each its own")
            }
            if let selector = reader.selector, let other = selectors.updateValue(reader.value, forKey: selector) {
                reader.value.complain("has the same selector as \(other.path), \(selector); leave one of them")
            }
        }
    }
}

extension Configuration.Agent {
    fileprivate mutating func read(_ value: YAMLValue) {
        guard var map = YAMLMapping(value, "the agent's settings") else { return }
        if let value = map.take("socket"), let path = value.absolutePath() {
            // sockaddr_un of unix(7), with the terminating zero.
            if path.utf8.count < 108 {
                socket = path
            } else {
                value.complain("is \(path.utf8.count) bytes long; a socket's path has 107 at most")
            }
        }
        if let endpoint = map.take("listen")?.parsed("an address and a port", Endpoint.init(parsing:)) {
            listen = endpoint
        }
        if let path = map.take("bpffs")?.absolutePath() { bpffs = path }
        if let value = map.take("pins"), let name = value.string("the name of a directory") {
            // The BPF file system refuses dots (kernel/bpf/inode.c, bpf_lookup).
            if name.utf8.contains(where: { $0 == 0x2f || $0 == 0x2e || $0 < 0x20 }) {
                value.complain(
                    "should be the name of a directory below bpffs, but is \"\(name)\"; "
                        + "write one without slashes and dots")
            } else {
                pins = name
            }
        }
        cgroup = map.take("cgroup")?.absolutePath()
        if let bool = map.take("unloadOnStop")?.bool() { unloadOnStop = bool }
        if let value = map.take("cni") { cni.read(value) }
        if let value = map.take("kubernetes") { kubernetes.read(value) }
        map.finish()
    }
}

extension Configuration.Log {
    fileprivate mutating func read(_ value: YAMLValue) {
        guard var map = YAMLMapping(value, "the log's settings") else { return }
        if let word = map.take("format")?.word(of: Format.self) { format = word }
        if let word = map.take("level")?.word(of: Level.self) { level = word }
        map.finish()
    }
}

extension Configuration.Proxy {
    fileprivate mutating func read(_ value: YAMLValue) {
        guard var map = YAMLMapping(value, "the settings of Weir's own proxy") else { return }
        if let time = map.take("connectTimeout")?.parsed("a duration", DurationText.parse) { connectTimeout = time }
        if let time = map.take("idleTimeout")?.parsed("a duration", DurationText.parse) { idleTimeout = time }
        if let count = map.take("maxConnections")?.number("a number", in: Self.connections) { maxConnections = count }
        map.finish()
    }
}

extension YAMLValue {
    /// Bytes.
    func accelerationBudget() -> Int? { number("a number of bytes", in: AccelerationSettings.budgets) }

    func absolutePath() -> String? {
        guard let path = string("a path") else { return nil }
        guard path.hasPrefix("/") else {
            complain("should be an absolute path, but is \"\(path)\"; begin it with a slash")
            return nil
        }
        return path
    }
}
