import CWeirABI
import CWeirBPF
import Glibc
import WeirCore

/// Finds listeners of a namespace that are older than Weir's programs, and puts them where inbound connections, and
/// those of its own that are spread, are steered to. `BPF_SOCK_OPS_TCP_LISTEN_CB` has seen the others.
///
/// A socket of another process can be put there only by whoever has a descriptor of it, and a second descriptor keeps
/// a socket open that its owner closes. So no other socket than a missing listener is ever taken. (An iterator over
/// the sockets could do without, but up to 6.4 it holds the lock that an update of a sockhash takes.)
public enum ListenerAdoption {
    public struct Outcome: Equatable, Sendable {
        public var adopted = 0
        /// Listeners that the kernel does not let into `weir_listeners`, and why.
        public var refused = 0
        public var refusal: String?
        /// Listeners that no process of the namespace was found to have in time.
        public var notFound = 0
    }

    /// A listener that is to be taken, and the entries of `weir_listeners` that it is to have.
    private struct Missing {
        let listener: SocketDiagnosis.Listener
        /// At which inbound connections are steered to it.
        var inboundPort: UInt16?
        var door: weir_listener?
    }

    /// A pod has as many processes and descriptors as it likes; others wait behind it.
    private static let patience = Duration.milliseconds(500)

    /// - Parameters:
    ///   - inbound: the ports that connections from outside are steered to, in host order.
    ///   - doors: the ports that the namespace's own connections are sent to.
    public static func adopt(
        inbound: Set<UInt16>, doors: Set<UInt16>, in namespace: borrowing NetworkNamespace, _ maps: Maps
    ) throws(BPFError) -> Outcome {
        var missing: [UInt32: Missing] = [:]
        for port in inbound.union(doors) {
            for family in [AF_INET, AF_INET6] {
                let listeners = try namespace.enter { () throws(BPFError) in
                    try SocketDiagnosis.listeners(port: port, family: family)
                }
                if inbound.contains(port) {
                    // Reading a sockhash gives the cookies of its sockets: those that are there already, from listen()
                    // or an earlier agent, must not take another slot. Traffic from outside never reaches the loopback
                    // address.
                    let present = try present(port, UInt16(family), namespace.cookie, maps)
                    let others = listeners.filter { !$0.isLoopback && !present.contains($0.cookie) }
                    for one in others.prefix(Int(WEIR_LISTENER_SLOTS) - present.count) {
                        missing[one.inode] = Missing(listener: one, inboundPort: port)
                    }
                }
                guard doors.contains(port) else { continue }
                for one in listeners {
                    guard let door = door(of: one, port: port, namespace.cookie) else { continue }
                    let present: UInt64? = try maps.listeners.value(of: door)
                    if present == nil { missing[one.inode, default: Missing(listener: one)].door = door }
                }
            }
        }
        var outcome = Outcome()
        if missing.isEmpty { return outcome }
        let end = ContinuousClock.now + patience
        let processes = pids().filter { NetworkNamespace.inode(of: "/proc/\($0)/ns/net") == namespace.inode }
        // A proxy listens before it has many connections: the whole of a crowded table is read last.
        for limit in [1024, Int.max] {
            for pid in processes where !missing.isEmpty && ContinuousClock.now < end {
                for (number, inode) in descriptors(of: pid, for: missing, first: limit, until: end) {
                    guard let one = missing[inode], let taken = take(pid, number, one.listener) else { continue }
                    missing[inode] = nil
                    // One that cannot be taken is no reason to leave the others.
                    do {
                        if let port = one.inboundPort {
                            try mark(taken.raw, maps)
                            try store(taken.raw, port: port, one.listener, namespace.cookie, maps)
                        }
                        // Nothing is spread to one that the kernel does not let in.
                        if let door = one.door { _ = try? store(taken.raw, door, maps) }
                        outcome.adopted += 1
                    } catch {
                        outcome.refused += 1
                        outcome.refusal = "\(error)"
                    }
                }
            }
        }
        outcome.notFound = missing.values.count { $0.inboundPort != nil }
        return outcome
    }

    /// Where `note_door()` puts it.
    private static func door(
        of listener: SocketDiagnosis.Listener, port: UInt16, _ cookie: UInt64
    ) -> weir_listener? {
        guard let address = listener.address, address.isLoopback || address.isUnspecified else { return nil }
        let slot = address.isLoopback ? WEIR_DOOR_LOOPBACK : WEIR_DOOR_ANY
        return weir_listener(
            netns: cookie, port: port.bigEndian, family: address.isIPv4 ? UInt16(AF_INET) : listener.family,
            slot: slot.rawValue)
    }

    /// Whether programs can steer connections of a family to a listener of another or the same one.
    /// - Parameters:
    ///   - family: of the listener.
    ///   - connections: whether those are of IPv4.
    static func isPresent(
        _ port: UInt16, family: UInt16, connections isIPv4: Bool, _ cookie: UInt64, _ maps: Maps
    ) throws(BPFError) -> Bool {
        if try !present(port, family, cookie, maps).isEmpty { return true }
        guard isIPv4 else { return false }
        return try !present(port, UInt16(AF_INET), cookie, maps).isEmpty
    }

    static func pids() -> [Int32] {
        Folder.names(in: "/proc").compactMap { Int32($0) }
    }

    private static func present(
        _ port: UInt16, _ family: UInt16, _ cookie: UInt64, _ maps: Maps
    ) throws(BPFError) -> Set<UInt64> {
        var cookies: Set<UInt64> = []
        for slot in 0..<UInt32(WEIR_LISTENER_SLOTS) {
            let key = weir_listener(netns: cookie, port: port.bigEndian, family: family, slot: slot)
            if let present: UInt64 = try maps.listeners.value(of: key) { cookies.insert(present) }
        }
        return cookies
    }

    /// - Returns: a descriptor for each of the sockets that are looked for and are there.
    private static func descriptors(
        of pid: Int32, for wanted: [UInt32: Missing], first limit: Int,
        until end: ContinuousClock.Instant
    ) -> [(number: Int32, inode: UInt32)] {
        var found: [UInt32: Int32] = [:]
        SocketHolders.forEach(of: pid, first: limit, until: end) { number, inode in
            if wanted[inode] != nil { found[inode] = number }
            return found.count < wanted.count
        }
        return found.map { ($1, $0) }
    }

    /// - Returns: nil when the process has closed it meanwhile and its number may be another's, which is let go at once.
    private static func take(_ pid: Int32, _ number: Int32, _ listener: SocketDiagnosis.Listener) -> Descriptor? {
        let copy = weir_descriptor_of(pid, number)
        guard copy >= 0 else { return nil }
        let taken = Descriptor(owning: copy)
        var cookie: UInt64 = 0
        var size = socklen_t(MemoryLayout<UInt64>.size)
        guard getsockopt(taken.raw, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0, cookie == listener.cookie
        else { return nil }
        return taken
    }

    /// Lets the sockets that the listener accepts know what it is, as `mark_taker()` does for newer ones.
    private static func mark(_ descriptor: Int32, _ maps: Maps) throws(BPFError) {
        var socket = weir_socket()
        socket.flags = UInt16(WEIR_SOCKET_TAKER.rawValue)
        socket.verdict = UInt8(WEIR_VERDICT_DIRECT.rawValue)
        socket.reason = UInt8(WEIR_REASON_INBOUND.rawValue)
        socket.direction = UInt8(WEIR_INBOUND.rawValue)
        try maps.socks.set(descriptor, to: socket)
    }

    /// Where all slots have been taken meanwhile, the newer listeners count.
    /// - Throws: why the kernel does not let it in.
    private static func store(
        _ descriptor: Int32, port: UInt16, _ listener: SocketDiagnosis.Listener, _ cookie: UInt64, _ maps: Maps
    ) throws(BPFError) {
        for slot in 0..<UInt32(WEIR_LISTENER_SLOTS) {
            let key = weir_listener(netns: cookie, port: port.bigEndian, family: listener.family, slot: slot)
            if try store(descriptor, key, maps) { return }
        }
    }

    /// - Returns: false when another listener is there.
    @discardableResult
    private static func store(
        _ descriptor: Int32, _ key: weir_listener, _ maps: Maps
    ) throws(BPFError) -> Bool {
        var key = key
        var value = UInt64(descriptor)
        let error = bpf_map_update_elem(maps.listeners.raw, &key, &value, UInt64(BPF_NOEXIST))
        if error == -EEXIST { return false }
        try check(error, "adopt a listener on port \(UInt16(bigEndian: key.port)) into", "weir_listeners")
        return true
    }
}
