import CWeirABI
import CWeirBPF
import Glibc
import Synchronization

/// An installation that comes in the place of one whose maps have another layout, and so shares none with it.
///
/// Both follow connections for a while: programs that act on what a socket's storage says do nothing for sockets that
/// the other installation knows. Only one decides what happens to a new connection: the old one until everything is
/// registered in the new maps, and then, link by link, the new one (`takeOver`). Connections that the old one decided
/// are in its care until `PinDirectory.removePredecessors`, so none of them loses its origin on the way.
final class Succession: Sendable {
    /// Programs that decide; a second one in force would decide by what the first has made of the address.
    static let deciding: Set = ["weir_connect4", "weir_connect6", "weir_sendmsg4", "weir_sendmsg6"]

    private struct Waiting {
        var programs: [(hook: Hook, program: Int32)]
        /// By the cookie of the namespace; the old installation's stay in force there.
        var steering: [UInt64: Int32] = [:]
    }

    let staging: PinDirectory
    private let pins: PinDirectory
    let cgroup: String
    private let waiting: Mutex<Waiting?>

    /// Attaches what follows connections, and keeps what decides.
    init(
        _ object: borrowing Object, _ staging: PinDirectory, pins: PinDirectory, cgroup: String
    ) throws(BPFError) {
        (self.staging, self.pins, self.cgroup) = (staging, pins, cgroup)
        var kept: [(hook: Hook, program: Int32)] = []
        for hook in Interceptor.hooks {
            guard let program = object.program(hook.program) else { continue }
            if Self.deciding.contains(hook.program) {
                kept.append((hook, try duplicate(program)))
            } else {
                let link = Descriptor(owning: try Interceptor.attach(program, hook, to: cgroup))
                try staging.pin(link.raw, "links/\(hook.program)")
            }
        }
        waiting = Mutex(Waiting(programs: kept))
    }

    deinit { close() }

    var isWaiting: Bool { waiting.withLock { $0 != nil } }

    /// Takes the program of a namespace that the old installation steers.
    /// - Returns: false when nothing is in its way.
    func keep(_ program: borrowing Descriptor, for cookie: UInt64) throws(BPFError) -> Bool {
        guard isWaiting, pins.has("netns/\(cookie)") else { return false }
        let own = try duplicate(program.raw)
        waiting.withLock { waiting in
            if let earlier = waiting?.steering.updateValue(own, forKey: cookie) { Glibc.close(earlier) }
        }
        return true
    }

    /// The namespace is no workload's any more.
    func forget(_ cookie: UInt64) {
        waiting.withLock { waiting in
            guard let program = waiting?.steering.removeValue(forKey: cookie) else { return }
            Glibc.close(program)
            pins.detach("netns/\(cookie)")
        }
    }

    /// Puts this installation in the place of the other: each link gets its new program without a moment in which it
    /// has none. A link is pinned in its new place before it changes, so a process that dies here leaves nothing
    /// detached.
    /// - Throws: after everything is again as it was; the other installation decides, and this one goes on waiting.
    func takeOver() throws(BPFError) {
        try waiting.withLock { waiting throws(BPFError) in
            guard let present = waiting else { return }
            var moved: [MovedLink] = []
            var added: [String] = []
            do throws(BPFError) {
                for (cookie, program) in present.steering where pins.has("netns/\(cookie)") {
                    moved.append(try MovedLink("netns/\(cookie)", from: pins, to: staging, program))
                }
                for (hook, program) in present.programs {
                    let name = "links/\(hook.program)"
                    if pins.has(name) {
                        moved.append(try MovedLink(name, from: pins, to: staging, program))
                    } else {
                        // Somebody has removed the old one's pin, and with it the attachment.
                        let link = Descriptor(owning: try Interceptor.attach(program, hook, to: cgroup))
                        try staging.pin(link.raw, name)
                        added.append(name)
                    }
                }
                try exchangeDirectories()
            } catch {
                for name in added { staging.detach(name) }
                for link in moved.reversed() { link.moveBack(staging) }
                throw error
            }
            removeSecondNames(keeping: present.steering)
        }
        close()
    }

    /// The old installation gets a name beside, and this one its name.
    private func exchangeDirectories() throws(BPFError) {
        let old = pins.predecessor("\(getpid())")
        old.removeAll()
        try pins.publish(as: old)
        do throws(BPFError) {
            try staging.publish(as: pins)
        } catch {
            try? old.publish(as: pins)
            throw error
        }
    }

    /// Links that this installation has taken are the old one's no more.
    private func removeSecondNames(keeping kept: [UInt64: Int32]) {
        let old = pins.predecessor("\(getpid())")
        for name in Self.deciding { old.remove("links/\(name)") }
        for name in old.names(in: "netns") {
            // A namespace that is no workload's any more.
            if UInt64(name).map({ kept[$0] == nil }) ?? true { old.detach("netns/\(name)") }
            old.remove("netns/\(name)")
        }
    }

    private func close() {
        waiting.withLock { waiting in
            for (_, program) in waiting?.programs ?? [] { Glibc.close(program) }
            for program in waiting?.steering.values ?? [:].values { Glibc.close(program) }
            waiting = nil
        }
    }
}

private func duplicate(_ raw: Int32) throws(BPFError) -> Int32 {
    let own = fcntl(raw, F_DUPFD_CLOEXEC, 0)
    if own < 0 { throw BPFError(code: errno, operation: "duplicate", subject: "the descriptor of a program") }
    return own
}
