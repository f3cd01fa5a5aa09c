import CWeirBPF
import Glibc
public import WeirCore

/// What the kernel says of TCP sockets of the calling thread's network namespace (sock_diag(7)). It only looks: no
/// socket gets another holder, so none stays open when its owner closes it.
public enum SocketDiagnosis {
    struct Listener {
        let cookie: UInt64
        /// By which /proc/PID/fd names it.
        let inode: UInt32
        let family: UInt16
        let address: Address?

        var isLoopback: Bool { address?.isLoopback ?? false }
    }

    /// The kernel walks its table of listeners alone, however many connections there are.
    static func listeners(port: UInt16, family: Int32) throws(BPFError) -> [Listener] {
        var request = request(family)
        request.idiag_states = 1 << 10  // TCP_LISTEN
        request.id.idiag_sport = port.bigEndian
        var found: [Listener] = []
        let error = try ask(request, NLM_F_DUMP) { message in
            found.append(
                Listener(
                    cookie: cookie(of: message), inode: message.idiag_inode, family: UInt16(family),
                    address: source(of: message, family)))
        }
        if error != 0 {
            throw BPFError(
                code: error, operation: "list", subject: "the listeners of a network namespace",
                advice: "the kernel needs CONFIG_INET_DIAG, or its module tcp_diag")
        }
        return found
    }

    /// The cookie (SO_COOKIE) of the socket whose ends are these as the kernel has them. Programs and rules may have
    /// the process see others.
    /// - Returns: nil when there is none in the namespace, or the kernel does not say.
    public static func cookie(ofConnectionFrom source: Endpoint, to target: Endpoint) -> UInt64? {
        let family = target.address.isIPv4 ? AF_INET : AF_INET6
        var request = request(family)
        request.idiag_states = .max
        request.id.idiag_sport = source.port.bigEndian
        request.id.idiag_dport = target.port.bigEndian
        request.id.idiag_cookie = (.max, .max)  // INET_DIAG_NOCOOKIE: any
        write(source.address, to: &request.id.idiag_src)
        write(target.address, to: &request.id.idiag_dst)
        var found: UInt64?
        _ = try? ask(request, 0) { message in
            // Without such a connection the kernel may name a listener.
            if message.id.idiag_dport == target.port.bigEndian { found = cookie(of: message) }
        }
        return found
    }

    /// The socket that a packet to this endpoint from nowhere would meet: one that listens, or for UDP is bound. One
    /// look-up in the kernel, however many sockets there are.
    /// - Returns: nil when there is none.
    static func taker(at endpoint: Endpoint, _ transport: Transport) throws(BPFError) -> Taker? {
        var request = request(endpoint.address.isIPv4 ? AF_INET : AF_INET6, transport)
        request.idiag_states = .max
        request.id.idiag_cookie = (.max, .max)
        // For UDP the two ends are the other way round, "for historical reasons" (net/ipv4/udp_diag.c).
        if transport == .tcp {
            request.id.idiag_sport = endpoint.port.bigEndian
            write(endpoint.address, to: &request.id.idiag_src)
        } else {
            request.id.idiag_dport = endpoint.port.bigEndian
            write(endpoint.address, to: &request.id.idiag_dst)
        }
        var found: Taker?
        let error = try ask(request, 0) { found = Taker(cookie: cookie(of: $0), family: UInt16($0.idiag_family)) }
        // ENOENT: there is no such socket, or the kernel has nobody whom to ask.
        if error == ENOENT { try requireAnswers(transport) } else if error != 0 { throw unanswered(error, transport) }
        return found
    }

    struct Taker {
        let cookie: UInt64
        let family: UInt16
    }

    /// - Throws: when the kernel cannot be asked about sockets of this transport.
    private static func requireAnswers(_ transport: Transport) throws(BPFError) {
        var request = request(AF_INET, transport)
        // Port 0 is nobody's: the table is walked, and nothing listed.
        request.idiag_states = 1
        let error = try ask(request, NLM_F_DUMP) { _ in }
        if error != 0 { throw unanswered(error, transport) }
    }

    static func unanswered(_ error: Int32, _ transport: Transport) -> BPFError {
        BPFError(
            code: error, operation: "ask", subject: "the kernel about \(transport.word.uppercased()) sockets",
            advice: "it needs CONFIG_INET_DIAG, or its module \(transport.word)_diag")
    }

    static func request(_ family: Int32, _ transport: Transport = .tcp) -> inet_diag_req_v2 {
        var request = inet_diag_req_v2()
        request.sdiag_family = UInt8(family)
        request.sdiag_protocol = transport.rawValue
        return request
    }

    static func ask(
        _ request: inet_diag_req_v2, _ flags: Int32, until isEnough: () -> Bool = { false },
        _ body: (inet_diag_msg) -> Void
    ) throws(BPFError) -> Int32 {
        let netlink = try Netlink(protocol: NETLINK_SOCK_DIAG)
        let payload = withUnsafeBytes(of: request) { Array($0) }
        return try netlink.request(
            type: SOCK_DIAG_BY_FAMILY, flags: flags, payload: payload, until: isEnough
        ) { answer in
            guard answer.count >= MemoryLayout<inet_diag_msg>.size else { return }
            body(answer.loadUnaligned(as: inet_diag_msg.self))
        }
    }

    private static func cookie(of message: inet_diag_msg) -> UInt64 {
        UInt64(message.id.idiag_cookie.1) << 32 | UInt64(message.id.idiag_cookie.0)
    }

    private static func source(of message: inet_diag_msg, _ family: Int32) -> Address? {
        withUnsafeBytes(of: message.id.idiag_src) { bytes in
            family == AF_INET
                ? Address(ipv4: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))) : Address(bytes: bytes)
        }
    }

    private static func write(_ address: Address, to place: inout (UInt32, UInt32, UInt32, UInt32)) {
        let bytes = address.isIPv4 ? address.bytes.suffix(4) : address.bytes[...]
        withUnsafeMutableBytes(of: &place) { $0.copyBytes(from: bytes) }
    }
}
