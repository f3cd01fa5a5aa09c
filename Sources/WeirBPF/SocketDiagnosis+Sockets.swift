import CWeirBPF
import Glibc
public import WeirCore

extension SocketDiagnosis {
    /// A TCP or UDP socket as the kernel has it: rules and programs may have its process see other addresses.
    public struct Socket: Sendable {
        public let local: Endpoint
        /// Unspecified, with port 0, for one that is connected to nobody.
        public let peer: Endpoint
        /// Of who made it.
        public let uid: UInt32
        /// By which /proc/PID/fd names it; 0 when no process has it any more.
        public let inode: UInt32
    }

    /// TCP states of include/net/tcp_states.h, which UDP sockets have two of.
    public enum State: UInt32, Sendable {
        /// UDP: connected to a peer.
        case established = 1
        /// UDP: not connected.
        case closed = 7
        case listening = 10
    }

    /// A pod has as many sockets as its memory allows; more are not looked at.
    private static let most = 65536

    /// The sockets of the calling thread's network namespace, of both families.
    /// - Parameters:
    ///   - localPort: in host order; nil: any.
    ///   - peerPort: the same of the peer.
    public static func sockets(
        _ transport: Transport, _ state: State, localPort: UInt16? = nil, peerPort: UInt16? = nil
    ) throws(BPFError) -> [Socket] {
        var found: [Socket] = []
        for family in [AF_INET, AF_INET6] {
            var request = request(family, transport)
            request.idiag_states = 1 << state.rawValue
            request.id.idiag_sport = (localPort ?? 0).bigEndian
            request.id.idiag_dport = (peerPort ?? 0).bigEndian
            let isFull = { found.count >= most }
            let error = try ask(request, NLM_F_DUMP, until: isFull) { message in
                if isFull() { return }
                found.append(
                    Socket(
                        local: endpoint(message.id.idiag_src, message.id.idiag_sport, family),
                        peer: endpoint(message.id.idiag_dst, message.id.idiag_dport, family),
                        uid: message.idiag_uid, inode: message.idiag_inode))
            }
            // ENOENT: the kernel has no such diagnosis; EAFNOSUPPORT and its like: no such family.
            if error != 0 && family == AF_INET { throw unanswered(error, transport) }
        }
        return found
    }

    private static func endpoint(
        _ words: (UInt32, UInt32, UInt32, UInt32), _ port: UInt16, _ family: Int32
    ) -> Endpoint {
        let address = withUnsafeBytes(of: words) { bytes in
            family == AF_INET
                ? Address(ipv4: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))) : Address(bytes: bytes)
        }
        return Endpoint(address: address ?? Address(ipv4: 0), port: UInt16(bigEndian: port))
    }
}
