import Glibc

/// Who has a TCP socket of this network namespace, asked of the kernel by its two ends (sock_diag(7)).
public enum SocketOwner {
    /// The uid of the socket that is bound to one end and connected to the other. Nil: it is in no namespace that this
    /// thread is in, or gone.
    /// - Parameters:
    ///   - end: bytes of its address as the kernel has them, 4 or 16, and the port.
    ///   - peer: the same of the end that it is connected to.
    public static func uid(end: (address: [UInt8], port: Int), peer: (address: [UInt8], port: Int)) -> UInt32? {
        guard end.address.count == peer.address.count, let netlink = try? Netlink(protocol: 4) else { return nil }
        // struct inet_diag_req_v2: family, protocol, no extensions, all states, inet_diag_sockid without an interface,
        // any cookie.
        let family = end.address.count == 4 ? AF_INET : AF_INET6
        var request = [UInt8(family), UInt8(IPPROTO_TCP), 0, 0, 0xff, 0xff, 0xff, 0xff]
        for port in [end.port, peer.port] { request += [UInt8(port >> 8 & 0xff), UInt8(port & 0xff)] }
        for address in [end.address, peer.address] {
            request += address + Array(repeating: 0, count: 16 - address.count)
        }
        request += [0, 0, 0, 0] + Array(repeating: 0xff, count: 8)
        var uid: UInt32?
        // SOCK_DIAG_BY_FAMILY; in struct inet_diag_msg the uid stands after the ends, a time and two lengths.
        let code = try? netlink.request(type: 20, flags: 0, payload: request) { answer in
            if answer.count >= 68 { uid = answer.loadUnaligned(fromByteOffset: 64, as: UInt32.self) }
        }
        return code == 0 ? uid : nil
    }
}
