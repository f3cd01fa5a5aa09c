/// An address and a port (host order).
public struct Endpoint: Hashable, Sendable {
    public let address: Address
    public let port: UInt16

    public init(address: Address, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Reads "1.2.3.4:80" or "[::1]:80".
    /// - Throws: a sentence that names the text.
    public init(parsing text: String) throws(InvalidValue) {
        guard let (host, port) = Self.split(text), let address = Address(host) else {
            throw InvalidValue(
                "\"\(text)\" is not an address and a port; write one like 127.0.0.1:15001 or [::1]:15001")
        }
        guard let number = Decimal.read(port, upTo: 65535), number > 0 else {
            throw InvalidValue("\"\(text)\" has no port from 1 to 65535")
        }
        self.init(address: address, port: UInt16(number))
    }

    private static func split(_ text: String) -> (host: String, port: Substring)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let host = text[..<colon]
        let port = text[text.index(after: colon)...]
        if host.first == "[" && host.last == "]" {
            let inner = String(host.dropFirst().dropLast())
            return inner.contains(":") ? (inner, port) : nil
        }
        return host.contains(":") ? nil : (String(host), port)
    }
}

extension Endpoint: CustomStringConvertible {
    /// "1.2.3.4:80" or "[::1]:80".
    public var description: String { address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)" }
}
