import CWeirBPF
import Glibc

/// A process, held by a descriptor: another one that gets its number is not taken for it.
public struct RunningProcess: ~Copyable, Sendable {
    public let pid: Int32
    private let descriptor: Descriptor

    /// - Returns: nil when there is none of that number.
    public init?(_ pid: Int32) {
        guard pid > 0 else { return nil }
        let raw = weir_process_open(pid)
        guard raw >= 0 else { return nil }
        self.pid = pid
        descriptor = Descriptor(owning: raw)
    }

    /// Who listens at the other end of a unix socket. 0: a process that is not seen from here.
    public static func listening(at socket: Int32) -> Int32 { max(0, weir_peer_pid(socket)) }

    /// Waits for its end, up to so many seconds.
    public func ends(within seconds: Int32) -> Bool {
        var waiting = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        return poll(&waiting, 1, seconds * 1000) == 1
    }

    public func signal(_ number: Int32) { _ = weir_process_signal(descriptor.raw, number) }
}
