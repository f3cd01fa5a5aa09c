import CWeirABI
import CWeirBPF
import Glibc

extension Maps {
    /// Says of a socket of this process that it is Weir's own proxy's: its connect() is left alone, and counted. Whoever is
    /// in the workload cannot say so, because it takes the map.
    public func noteOwn(_ socket: Int32) throws(BPFError) {
        var value = weir_socket()
        value.flags = UInt16(WEIR_SOCKET_OWN.rawValue)
        value.verdict = UInt8(WEIR_VERDICT_DIRECT.rawValue)
        try socks.set(socket, to: value)
    }
}
