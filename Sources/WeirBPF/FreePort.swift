import Glibc
public import WeirCore

/// A TCP port that is free on the loopback addresses of a namespace.
public enum FreePort {
    /// - Parameter namespace: an open descriptor of a network namespace; nil for the caller's own.
    /// - Returns: in host order.
    public static func find(_ namespace: Int32?) throws(BPFError) -> UInt16 {
        try inside(namespace) { () throws(BPFError) in try find() }
    }

    /// Those of 127.0.0.1 and ::1 that there are: IPv6 may be off (net.ipv6.conf.all.disable_ipv6, or a kernel without
    /// it), and IPv4's may have been removed.
    /// - Throws: when there is neither.
    public static func loopbackAddresses(_ namespace: Int32?) throws(BPFError) -> [Address] {
        try inside(namespace) { () throws(BPFError) in try loopbackAddresses() }
    }

    private static func inside<Result>(
        _ namespace: Int32?, _ body: () throws(BPFError) -> Result
    ) throws(BPFError) -> Result {
        guard let namespace else { return try body() }
        return try NetworkNamespace(path: "/proc/self/fd/\(namespace)").enter(body)
    }

    private static func loopbackAddresses() throws(BPFError) -> [Address] {
        var found: [Address] = []
        for address in [Address.loopback4, .loopback6] {
            do {
                _ = try bind(address, port: 0)
                found.append(address)
            } catch let error where [EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.code) {
                continue
            }
        }
        guard !found.isEmpty else {
            throw BPFError(
                code: EADDRNOTAVAIL, operation: "listen on", subject: "127.0.0.1 or ::1",
                advice: "give the loopback interface an address and bring it up: ip address add 127.0.0.1/8 dev lo, "
                    + "ip link set lo up")
        }
        return found
    }

    private static func find() throws(BPFError) -> UInt16 {
        let addresses = try loopbackAddresses()
        for _ in 0..<16 {
            let port = try bind(addresses[0], port: 0)
            do {
                for address in addresses.dropFirst() { _ = try bind(address, port: port) }
                return port
            } catch let error where error.code == EADDRINUSE {
                continue
            }
        }
        let names = addresses.map(\.description).joined(separator: " and ")
        throw BPFError(code: EADDRINUSE, operation: "find", subject: "a port that is free on \(names)")
    }

    /// - Parameter port: in host order; 0 for any.
    /// - Returns: the port that could be bound; the socket is closed again.
    @discardableResult
    private static func bind(_ address: Address, port: UInt16) throws(BPFError) -> UInt16 {
        var storage = sockaddr_storage()
        let size: socklen_t
        if address.isIPv4 {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            name.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: name, as: sockaddr_in.self) }
            size = socklen_t(MemoryLayout<sockaddr_in>.size)
        } else {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_addr = in6addr_loopback
            name.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: name, as: sockaddr_in6.self) }
            size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        }
        let raw = socket(
            Int32(storage.ss_family), Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { throw BPFError(code: errno, operation: "make", subject: "a socket for \(address)") }
        defer { close(raw) }
        let bound: UInt16? = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                var size = size
                guard Glibc.bind(raw, name, size) == 0, getsockname(raw, name, &size) == 0 else { return nil }
                return UInt16(bigEndian: UnsafeRawPointer(name).loadUnaligned(fromByteOffset: 2, as: UInt16.self))
            }
        }
        guard let bound else { throw BPFError(code: errno, operation: "bind", subject: "\(address) port \(port)") }
        return bound
    }
}
