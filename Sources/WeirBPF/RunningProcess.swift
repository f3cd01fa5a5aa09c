import CWeirBPF
import Glibc

/// A process, held by a descriptor: another one that gets its number is not taken for it.
public struct RunningProcess: ~Copyable, Sendable {
    private let descriptor: Descriptor

    /// - Parameter socket: a unix socket that is connected to it.
    public init?(listeningAt socket: Int32) {
        let raw = weir_peer_open(socket)
        guard raw >= 0 else { return nil }
        descriptor = Descriptor(owning: raw)
    }

    /// Waits for its end, up to so many seconds.
    public func ends(within seconds: Int32) -> Bool {
        var waiting = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        return poll(&waiting, 1, seconds * 1000) == 1
    }
}
