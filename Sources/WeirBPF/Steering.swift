import CWeirBPF
import Glibc

/// The inbound program of one network namespace. Each namespace runs a copy that reads its cookie from an array of its own,
/// because a sk_lookup program has no helper that tells where it runs.
public enum Steering {
    /// Attaches to the namespace, pinned. Where an interceptor waits, what is attached stays until it takes over.
    /// - Returns: whether connections that this interceptor decides will find it there. A private one's do not: it has
    ///   nowhere to keep an attachment.
    @discardableResult
    public static func attach(
        _ namespace: borrowing NetworkNamespace, _ interceptor: Interceptor
    ) throws(BPFError) -> Bool {
        guard let pins = interceptor.currentPins else { return false }
        let cookie = namespace.cookie
        let program = try interceptor.steeringPrograms().program(for: cookie)
        if try interceptor.succession?.keep(program.descriptor, for: cookie) ?? false { return true }
        let name = "netns/\(cookie)"
        if let present = try present(name, interceptor, pins),
            weir_link_update(present.raw, program.descriptor.raw) == 0
        {
            try interceptor.hold(present, program.descriptor.raw, as: name, pins)
            return true
        }
        pins.remove(name)
        let link = Descriptor(
            owning: try check(
                weir_link_create(program.descriptor.raw, namespace.descriptor.raw, BPF_SK_LOOKUP), "attach",
                "weir_sk_lookup to \(namespace.path)", advice: "inbound capture needs Linux 5.9"))
        try interceptor.hold(link, program.descriptor.raw, as: name, pins)
        return true
    }

    private static func present(
        _ name: String, _ interceptor: Interceptor, _ pins: PinDirectory
    ) throws(BPFError) -> Descriptor? {
        if let held = interceptor.duplicate(name) { return held }
        guard let raw = try pins.openIfPresent(name) else { return nil }
        return Descriptor(owning: raw)
    }

    /// Whether the namespace of a pinned attachment still exists: the kernel clears the link when it goes.
    public static func isAlive(cookie: UInt64, _ pins: PinDirectory) throws(BPFError) -> Bool {
        let link = Descriptor(owning: try pins.open("netns/\(cookie)"))
        var info = bpf_link_info()
        try check(weir_link_info(link.raw, &info), "inspect", "netns/\(cookie)")
        return info.netns.netns_ino != 0
    }

    /// Removes a pinned attachment.
    public static func remove(cookie: UInt64, _ interceptor: Interceptor) {
        interceptor.succession?.forget(cookie)
        interceptor.release("netns/\(cookie)")
        interceptor.currentPins?.detach("netns/\(cookie)")
    }
}
