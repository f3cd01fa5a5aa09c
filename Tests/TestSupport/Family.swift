import Foundation

/// An address family, and how the tests write addresses in it.
public enum Family: String, CaseIterable, Sendable, CustomStringConvertible {
    case ipv4, ipv6

    public var description: String { self == .ipv4 ? "IPv4" : "IPv6" }
    public var loopback: String { self == .ipv4 ? "127.0.0.1" : "::1" }

    /// An address of the world outside, for documentation (RFC 5737, RFC 3849).
    public func destination(_ host: Int) -> String {
        self == .ipv4 ? "198.51.100.\(host)" : "2001:db8:77::\(String(host, radix: 16))"
    }

    /// The source of the proxy's pass-through connections to the application.
    public var passthroughSource: String { self == .ipv4 ? "127.0.0.6" : "::6" }
}

/// An address and a port, from how programs print them: `1.2.3.4:5`, `[::1]:5`, and mapped `[::ffff:1.2.3.4]:5`.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public let address: String
    public let port: Int

    public init(_ address: String, _ port: Int) {
        self.address = Self.canonical(address)
        self.port = port
    }

    public init?(_ text: String?) {
        guard let text, let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]) else {
            return nil
        }
        self.init(text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]")), port)
    }

    public var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }

    /// The shortest form; an IPv4-mapped address is the IPv4 address.
    private static func canonical(_ address: String) -> String {
        var bytes = in6_addr()
        guard inet_pton(AF_INET6, address, &bytes) == 1 else { return address }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(AF_INET6, &bytes, &buffer, socklen_t(buffer.count))
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
    }
}
