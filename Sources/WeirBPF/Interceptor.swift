public import CWeirABI
import CWeirBPF
import Glibc

/// The programs in the kernel: loaded, attached to the cgroup root, and either pinned (they outlive this process) or
/// private (they end with it).
public final class Interceptor: Sendable {
    public let maps: Maps
    /// Where the installation is pinned; nil for a private one.
    public let pins: PinDirectory?
    private let links: [Int32]

    private init(maps: Maps, pins: PinDirectory?, links: [Int32] = []) {
        self.maps = maps
        self.pins = pins
        self.links = links
    }

    deinit {
        for link in links { close(link) }
    }

    /// Each attached program with its hook.
    static let hooks: [(program: String, type: bpf_attach_type, since: String)] = [
        ("weir_connect4", BPF_CGROUP_INET4_CONNECT, "4.17"),
        ("weir_connect6", BPF_CGROUP_INET6_CONNECT, "4.17"),
        ("weir_sockops", BPF_CGROUP_SOCK_OPS, "4.13"),
        ("weir_getsockopt", BPF_CGROUP_GETSOCKOPT, "5.3"),
        ("weir_getpeer4", BPF_CGROUP_INET4_GETPEERNAME, "5.8"),
        ("weir_getpeer6", BPF_CGROUP_INET6_GETPEERNAME, "5.8"),
        ("weir_getsock4", BPF_CGROUP_INET4_GETSOCKNAME, "5.8"),
        ("weir_getsock6", BPF_CGROUP_INET6_GETSOCKNAME, "5.8"),
        ("weir_sendmsg4", BPF_CGROUP_UDP4_SENDMSG, "4.18"),
        ("weir_sendmsg6", BPF_CGROUP_UDP6_SENDMSG, "4.18"),
        ("weir_recvmsg4", BPF_CGROUP_UDP4_RECVMSG, "5.2"),
        ("weir_recvmsg6", BPF_CGROUP_UDP6_RECVMSG, "5.2"),
    ]

    /// The programs that are attached to the cgroup root.
    public static var programNames: [String] { hooks.map(\.program) }

    /// Has the kernel verify every program, and attaches none.
    public static func verify() throws(BPFError) {
        try Object().load()
    }

    /// Opens what is installed.
    public static func open(_ pins: PinDirectory = PinDirectory()) throws(BPFError) -> Interceptor {
        guard pins.exists else {
            throw BPFError(
                code: ENOENT, operation: "find", subject: "Weir's programs under \(pins.path)",
                advice: "start the agent (weir agent) or install them (weir load)")
        }
        let interceptor = Interceptor(maps: try Maps { name throws(BPFError) in try pins.map(name) }, pins: pins)
        let version = try interceptor.settings().abi_version
        guard version == UInt32(WEIR_ABI_VERSION) else {
            throw BPFError(
                code: EPROTO, operation: "use",
                subject: "the maps under \(pins.path), which have version \(version) and not \(WEIR_ABI_VERSION)",
                advice: "run weir unload with the version that installed them, then start again")
        }
        return interceptor
    }

    /// Loads programs that end with this process.
    public static func loadPrivately() throws(BPFError) -> Interceptor {
        try Host.require()
        let object = try loadMain(reusing: nil)
        let links = try attach(object)
        do {
            let interceptor = Interceptor(
                maps: try Maps { name throws(BPFError) in try object.map(name) }, pins: nil, links: links.map(\.link))
            try interceptor.initialize()
            return interceptor
        } catch {
            for link in links { close(link.link) }
            throw error
        }
    }

    /// Installs the programs, or puts this version's programs into the links of those that are installed.
    /// - Parameter cgroup: path of the cgroup v2 whose processes meet them; nil for the root, which is all.
    public static func install(
        _ pins: PinDirectory = PinDirectory(), at cgroup: String? = nil
    ) throws(BPFError) -> Interceptor {
        try Host.require()
        for leftover in pins.leftovers() { leftover.removeAll() }
        if pins.exists { return try upgrade(pins) }
        if access(pins.path, F_OK) == 0 { pins.removeAll() }
        let object = try loadMain(reusing: nil)
        let staging = pins.staging
        do {
            try staging.create()
            for name in Maps.names {
                let map = try object.map(name)
                try staging.pin(map.raw, "maps/\(name)")
            }
            if let explain = object.program("weir_explain") { try staging.pin(explain, "programs/weir_explain") }
            let interceptor = Interceptor(maps: try Maps { name throws(BPFError) in try staging.map(name) }, pins: pins)
            try interceptor.initialize()
            let links = try attach(object, to: cgroup)
            defer { for link in links { close(link.link) } }
            for link in links { try staging.pin(link.link, "links/\(link.program)") }
            // From here the installation has its name; before, a failure removes all of it.
            try staging.publish(as: pins)
            return interceptor
        } catch {
            staging.removeAll()
            throw error
        }
    }

    /// Replaces the programs in their links one by one; connections keep being decided all the while.
    private static func upgrade(_ pins: PinDirectory) throws(BPFError) -> Interceptor {
        let interceptor = try open(pins)
        let object = try loadMain(reusing: interceptor.maps)
        for hook in hooks {
            guard let program = object.program(hook.program) else { continue }
            let link = try pins.open("links/\(hook.program)")
            defer { close(link) }
            try check(weir_link_update(link, program), "replace the program in", "links/\(hook.program)")
        }
        if let explain = object.program("weir_explain") {
            pins.remove("programs/weir_explain")
            try pins.pin(explain, "programs/weir_explain")
        }
        return interceptor
    }

    /// Detaches and removes everything under the directory, whoever left it.
    /// - Returns: how many programs were attached.
    @discardableResult
    public static func uninstall(_ pins: PinDirectory = PinDirectory()) -> Int {
        var count = 0
        for directory in [pins] + pins.leftovers() {
            for folder in ["links", "netns"] {
                for name in directory.names(in: folder) {
                    guard let link = try? directory.open("\(folder)/\(name)") else { continue }
                    // Detached now, not when the last holder lets go.
                    if bpf_link_detach(link) == 0 { count += 1 }
                    close(link)
                }
            }
            directory.removeAll()
        }
        return count
    }

    private static func loadMain(reusing maps: Maps?) throws(BPFError) -> Object {
        let object = try Object()
        object.select { $0 != "weir_sk_lookup" }
        try maps?.forEach { map throws(BPFError) in try object.reuse(map) }
        try object.load()
        return object
    }

    private static func attach(
        _ object: borrowing Object, to cgroup: String? = nil
    ) throws(BPFError) -> [(program: String, link: Int32)] {
        let path = if let cgroup { cgroup } else { try Host.cgroupRoot() }
        let root = try Descriptor(path: path)
        var links: [(program: String, link: Int32)] = []
        for hook in hooks {
            guard let program = object.program(hook.program) else { continue }
            let link = weir_link_create(program, root.raw, hook.type)
            guard link >= 0 else {
                for made in links { close(made.link) }
                throw BPFError(
                    code: -link, operation: "attach", subject: "\(hook.program) to \(cgroup ?? "the cgroup root")",
                    advice: advice(attaching: hook.since, error: -link))
            }
            links.append((hook.program, link))
        }
        return links
    }

    private static func advice(attaching since: String, error: Int32) -> String? {
        switch error {
        case EPERM:
            return "another program holds this hook without BPF_F_ALLOW_MULTI; `weir check --category foreign` names it"
        case EINVAL: return "the hook needs Linux \(since) and BPF links Linux 5.7"
        default: return nil
        }
    }

    public func settings() throws(BPFError) -> weir_settings {
        try maps.settings.value(of: UInt32(0)) ?? weir_settings()
    }

    private func initialize() throws(BPFError) {
        var settings = weir_settings()
        settings.abi_version = UInt32(WEIR_ABI_VERSION)
        try maps.settings.set(UInt32(0), to: settings)
    }
}
