import CWeirBPF
import Glibc

/// The inbound program of one network namespace. Each namespace runs an instance with its own cookie as a constant,
/// because a sk_lookup program has no helper that tells where it runs.
public struct Steering: ~Copyable {
    private let link: Int32

    /// Attaches to the namespace; pinned with a pinned interceptor, else for as long as this value lives.
    public init(_ namespace: borrowing NetworkNamespace, _ interceptor: Interceptor) throws(BPFError) {
        link = try Self.attach(namespace, interceptor)
    }

    private static func attach(
        _ namespace: borrowing NetworkNamespace, _ interceptor: Interceptor
    ) throws(BPFError) -> Int32 {
        let object = try load(cookie: namespace.cookie, interceptor.maps)
        guard let program = object.program("weir_sk_lookup") else {
            throw BPFError(code: ENOENT, operation: "find", subject: "weir_sk_lookup in the BPF object")
        }
        let name = "netns/\(namespace.cookie)"
        if let pins = interceptor.pins, let existing = try? pins.open(name) {
            if weir_link_update(existing, program) == 0 { return existing }
            close(existing)
            pins.remove(name)
        }
        let made = try check(
            weir_link_create(program, namespace.descriptor.raw, BPF_SK_LOOKUP), "attach",
            "weir_sk_lookup to \(namespace.path)", advice: "inbound capture needs Linux 5.9")
        do {
            try interceptor.pins?.pin(made, name)
        } catch {
            close(made)
            throw error
        }
        return made
    }

    /// Loads the program, which needs a kernel of Linux 5.9, and attaches it nowhere.
    static func load(cookie: UInt64, _ maps: Maps) throws(BPFError) -> Object {
        let object = try Object()
        object.select { $0 == "weir_sk_lookup" }
        try object.setConstant(cookie)
        try maps.forEach { map throws(BPFError) in try object.reuse(map) }
        try object.load()
        return object
    }

    deinit { close(link) }

    /// Whether the namespace of a pinned attachment still exists: the kernel clears the link when it goes.
    public static func isAlive(cookie: UInt64, _ pins: PinDirectory) throws(BPFError) -> Bool {
        let link = Descriptor(owning: try pins.open("netns/\(cookie)"))
        var info = bpf_link_info()
        try check(weir_link_info(link.raw, &info), "inspect", "netns/\(cookie)")
        return info.netns.netns_ino != 0
    }

    /// Removes a pinned attachment.
    public static func remove(cookie: UInt64, _ interceptor: Interceptor) {
        guard let pins = interceptor.pins, let link = try? pins.open("netns/\(cookie)") else { return }
        _ = bpf_link_detach(link)
        close(link)
        pins.remove("netns/\(cookie)")
    }
}
