import Glibc

/// A TCP port that is free on 127.0.0.1 and ::1 of a namespace.
public enum FreePort {
    /// - Parameter namespace: an open descriptor of a network namespace; nil for the caller's own.
    public static func find(_ namespace: Int32?) throws(BPFError) -> UInt16 {
        guard let namespace else { return try find() }
        return try NetworkNamespace(path: "/proc/self/fd/\(namespace)").enter { () throws(BPFError) in try find() }
    }

    private static func find() throws(BPFError) -> UInt16 {
        for _ in 0..<16 {
            var first = sockaddr_in()
            first.sin_family = sa_family_t(AF_INET)
            first.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            guard let port = bound(&first, AF_INET) else { break }
            var second = sockaddr_in6()
            second.sin6_family = sa_family_t(AF_INET6)
            second.sin6_addr = in6addr_loopback
            second.sin6_port = port.bigEndian
            if bound(&second, AF_INET6) != nil { return port }
        }
        throw BPFError(code: EADDRINUSE, operation: "find", subject: "a port that is free on 127.0.0.1 and ::1")
    }

    /// - Returns: the port that could be bound; the socket is closed again.
    private static func bound<Name>(_ name: inout Name, _ family: Int32) -> UInt16? {
        let raw = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { return nil }
        defer { close(raw) }
        return withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                var size = socklen_t(MemoryLayout<Name>.size)
                guard bind(raw, address, size) == 0, getsockname(raw, address, &size) == 0 else { return nil }
                return UnsafeRawPointer(address).loadUnaligned(fromByteOffset: 2, as: UInt16.self).byteSwapped
            }
        }
    }
}
