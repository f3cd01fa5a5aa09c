import CWeirBPF
import Glibc

/// A netlink socket (netlink(7)) of the namespace it was made in; for routes, if nothing else is said.
struct Netlink: ~Copyable {
    let descriptor: Descriptor

    /// - Parameter groups: RTMGRP_ bits to be told of; 0 for a socket that only asks.
    init(groups: UInt32 = 0, protocol: Int32 = NETLINK_ROUTE) throws(BPFError) {
        descriptor = try Self.open(groups, `protocol`)
    }

    private static func open(_ groups: UInt32, _ protocol: Int32) throws(BPFError) -> Descriptor {
        let raw = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), `protocol`)
        if raw < 0 { throw BPFError(code: errno, operation: "open", subject: "a netlink socket") }
        let descriptor = Descriptor(owning: raw)
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        address.nl_groups = groups
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(raw, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
            }
        }
        if bound != 0 { throw BPFError(code: errno, operation: "bind", subject: "a netlink socket") }
        return descriptor
    }

    /// Sends one request and hands each answer's payload to `body`: what follows the message header.
    /// - Parameters:
    ///   - flags: NLM_F_DUMP for a whole table, which ends with NLMSG_DONE; NLM_F_ACK for a change.
    ///   - isEnough: asked from time to time; when it says yes the rest is not read, and this socket is of no more use.
    /// - Returns: 0, or the errno the kernel answered with.
    func request(
        type: Int32, flags: Int32, payload: [UInt8], until isEnough: () -> Bool = { false },
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(BPFError) -> Int32 {
        var header = nlmsghdr()
        header.nlmsg_len = UInt32(MemoryLayout<nlmsghdr>.size + payload.count)
        header.nlmsg_type = UInt16(type)
        header.nlmsg_flags = UInt16(NLM_F_REQUEST | flags)
        header.nlmsg_seq = 1
        let dump = flags & NLM_F_DUMP != 0
        let message = withUnsafeBytes(of: &header) { Array($0) } + payload
        if send(descriptor.raw, message, message.count, 0) < 0 {
            throw BPFError(code: errno, operation: "ask", subject: "the kernel by netlink")
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)
        defer { buffer.deallocate() }
        while true {
            let size = recv(descriptor.raw, buffer.baseAddress, buffer.count, 0)
            if size < 0 {
                if errno == EINTR { continue }
                throw BPFError(code: errno, operation: "read", subject: "the kernel's answer by netlink")
            }
            if let end = Self.parse(UnsafeRawBufferPointer(rebasing: buffer[..<size]), dump: dump, body) { return end }
            if isEnough() { return 0 }
        }
    }

    /// - Returns: the errno of an answer that ends the exchange; nil to read on.
    private static func parse(
        _ bytes: UnsafeRawBufferPointer, dump: Bool, _ body: (UnsafeRawBufferPointer) -> Void
    ) -> Int32? {
        let headerSize = MemoryLayout<nlmsghdr>.size
        var offset = 0
        while offset + headerSize <= bytes.count {
            let header = bytes.loadUnaligned(fromByteOffset: offset, as: nlmsghdr.self)
            let length = Int(header.nlmsg_len)
            guard length >= headerSize, offset + length <= bytes.count else { return nil }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[(offset + headerSize)..<(offset + length)])
            switch Int32(header.nlmsg_type) {
            // The errno of a dump that failed comes with its end (netlink_dump_done).
            case NLMSG_DONE: return payload.count >= 4 ? max(0, -payload.loadUnaligned(as: Int32.self)) : 0
            case NLMSG_ERROR: return -payload.loadUnaligned(as: Int32.self)
            default:
                body(payload)
                if !dump { return 0 }
            }
            offset += (length + 3) & ~3
        }
        return nil
    }

    /// Calls `body` with each attribute (rtattr) that follows a fixed header of `skip` bytes.
    static func attributes(
        _ payload: UnsafeRawBufferPointer, skip: Int, _ body: (Int32, UnsafeRawBufferPointer) -> Void
    ) {
        var offset = (skip + 3) & ~3
        while offset + 4 <= payload.count {
            let length = Int(payload.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            let type = Int32(payload.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self) & 0x3fff)
            guard length >= 4, offset + length <= payload.count else { return }
            body(type, UnsafeRawBufferPointer(rebasing: payload[(offset + 4)..<(offset + length)]))
            offset += (length + 3) & ~3
        }
    }
}
