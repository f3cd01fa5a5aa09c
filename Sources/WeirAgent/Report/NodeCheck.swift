import Glibc
public import WeirBPF
public import WeirCore

/// What `weir check` finds, in categories as Linkerd's check has them.
public struct NodeCheck: Encodable, Sendable {
    public let schema = "weir.check/v1"
    public let success: Bool
    public let categories: [Category]

    public struct Category: Encodable, Sendable {
        public let categoryName: String
        public let checks: [Check]
    }

    public struct Check: Encodable, Sendable {
        public enum Result: String, Encodable, Sendable {
            case success, warning, error
            /// It could not be looked at.
            case unknown
        }

        public let description: String
        public let result: Result
        public let error: String?
        public let hint: String?
        /// A line each.
        public let details: [String]?
    }

    /// The categories, in the order of the report.
    public static let all = [
        "kernel", "privileges", "mounts", "foreign", "acceleration", "installation", "agent", "workloads", "proxies",
    ]

    /// - Parameters:
    ///   - wanted: names of categories; nil for all.
    ///   - configuration: what it asks for decides what is a fault and what nftables makes up for.
    ///   - pins: where this node's installation is pinned.
    public init(_ wanted: Set<String>?, _ configuration: Configuration, pins: PinDirectory, client: AdminClient) {
        var categories: [Category] = []
        for name in Self.all where wanted?.contains(name) ?? true {
            let checks =
                switch name {
                case "kernel": Self.kernel(configuration)
                case "privileges": Self.privileges()
                case "mounts": Self.mounts(configuration.agent.bpffs)
                case "foreign": Self.foreign(configuration.agent.cgroup, pins)
                case "acceleration": Self.acceleration()
                case "installation": Self.installation(configuration, pins)
                case "agent": Self.agent(client)
                case "proxies": Self.proxies(pins, client)
                default: Self.workloads(configuration, pins)
                }
            categories.append(Category(categoryName: name, checks: checks))
        }
        self.categories = categories
        success = !categories.contains { $0.checks.contains { $0.result == .error || $0.result == .unknown } }
    }

    /// 1: a problem was found; 2: none was, but not all could be looked at.
    public var exitStatus: Int32 {
        if success { return 0 }
        return categories.contains { $0.checks.contains { $0.result == .error } } ? 1 : 2
    }

    public var text: String {
        var lines: [String] = []
        for category in categories {
            lines += [category.categoryName, String(repeating: "-", count: category.categoryName.count)]
            for check in category.checks {
                let mark = [Check.Result.success: "√", .warning: "‼", .error: "×", .unknown: "?"][check.result] ?? "?"
                lines.append("\(mark) \(check.description.printable)")
                if let error = check.error { lines.append("    \(error.printable)") }
                if let hint = check.hint { lines.append("    \(hint.printable)") }
                lines += (check.details ?? []).map { "    \($0.printable)" }
            }
            lines.append("")
        }
        return lines.joined(separator: "\n") + "\nStatus check results are \(["√", "×", "?"][Int(exitStatus)])"
    }

    static func pass(_ description: String) -> Check {
        Check(description: description, result: .success, error: nil, hint: nil, details: nil)
    }

    static func fail(_ description: String, _ error: String, hint: String? = nil, details: [String]? = nil) -> Check {
        Check(description: description, result: .error, error: error, hint: hint, details: details)
    }

    static func warn(_ description: String, _ error: String, hint: String? = nil, details: [String]? = nil) -> Check {
        Check(description: description, result: .warning, error: error, hint: hint, details: details)
    }

    static func cannotSee(_ description: String) -> Check {
        Check(
            description: description, result: .unknown, error: "cannot see that as uid \(geteuid())",
            hint: "run as root: sudo weir check", details: nil)
    }

    /// One step that either works or says why not.
    static func attempt(_ description: String, _ body: () throws -> Void) -> Check {
        do {
            try body()
            return pass(description)
        } catch {
            return fail(description, "\(error)")
        }
    }

    private static func privileges() -> [Check] {
        let title = "running as root"
        if geteuid() == 0 { return [pass(title)] }
        return [warn(title, "this is uid \(geteuid())", hint: "run sudo weir check for the whole picture")]
    }

    /// - Parameter path: where the BPF file system is to be mounted.
    private static func mounts(_ path: String) -> [Check] {
        var checks = [attempt("cgroup v2 is mounted") { _ = try Host.cgroupRoot() }]
        let title = "the BPF file system is mounted at \(path)"
        checks.append(
            Host.isBPFFileSystem(path)
                ? pass(title) : warn(title, "it is not", hint: "weir load and weir agent mount it"))
        return checks
    }

    /// What the short cut may be used for is a property of the kernel; that it may not be is no fault of the node.
    private static func acceleration() -> [Check] {
        let title = "the same-node short cut can be tested"
        if geteuid() != 0 { return [cannotSee(title)] }
        do {
            try ShortCut.probe()
            return try SelfTest.run().permissions.map { one in
                let title = "the short cut may be used: \(one.use.title)"
                let hint =
                    one.use == .applicationsReceive
                    ? "acceleration: full does, to those that use none of these: say so with applicationReads" : nil
                if one.reasons.isEmpty { return pass(title) }
                return warn(
                    title, "\(one.consequence) on this kernel", hint: hint, details: one.reasons.map { "- \($0)" })
            }
        } catch {
            return [warn(title, "\(error)", hint: "acceleration: auto leaves every connection to TCP")]
        }
    }

    private static func installation(_ configuration: Configuration, _ pins: PinDirectory) -> [Check] {
        if geteuid() != 0 { return [cannotSee("the programs are installed")] }
        if pins.exists {
            return [
                attempt("the maps under \(pins.path) are of this version") { _ = try Interceptor.open(pins) },
                attached(pins), noted(pins),
            ]
        }
        if !pins.faults().isEmpty { return [attached(pins), noted(pins)] }
        // Whether the rules of each are there, the workloads say.
        if !NFTMechanism(pins).noted().isEmpty { return [noted(pins)] }
        if noted(pins).result == .error { return [noted(pins)] }
        let title = "the programs are installed"
        let finding = "nothing is pinned under \(pins.path), and no namespace has rules of Weir's"
        let hint = "start weir agent, or run weir load"
        guard !configuration.workloads.isEmpty else { return [warn(title, finding, hint: hint)] }
        return [
            fail(
                title, "\(finding): none of the \(configuration.workloads.count) workloads is intercepted", hint: hint)
        ]
    }

    /// As the kernel says.
    private static func attached(_ pins: PinDirectory) -> Check {
        let title = "every program is attached and pinned"
        let faults = pins.faults()
        if faults.isEmpty { return pass(title) }
        return fail(
            title, faults.count == 1 ? faults[0] : "\(faults.count) are not",
            hint: "start weir agent, which puts them back, or run weir unload",
            details: faults.count == 1 ? nil : faults)
    }

    private static func noted(_ pins: PinDirectory) -> Check {
        let title = "every namespace with rules of Weir's is written down"
        let paths = NFTMechanism(pins).unnoted()
        if paths.isEmpty { return pass(title) }
        return fail(
            title, "rules stand in \(paths.joined(separator: ", ")) of which no note tells",
            hint: "start weir agent with their workloads, or run weir unload, which removes them")
    }
}
