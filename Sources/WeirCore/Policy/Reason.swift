public import CWeirABI

/// Why a connection was decided as it was: `enum weir_reason` of `weir/abi.h`. Its word is the same everywhere.
public struct Reason: RawRepresentable, Hashable, Sendable, CaseIterable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public init(_ reason: weir_reason) {
        self.init(rawValue: UInt8(truncatingIfNeeded: reason.rawValue))
    }

    /// The reason with this word; nil when there is none.
    public init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }

    /// One word for machines, as in metrics and logs: "excluded_port".
    public var word: String { String(cString: weir_reason_word(UInt32(rawValue))) }

    /// One sentence for people.
    public var sentence: String { String(cString: weir_reason_sentence(UInt32(rawValue))) }

    public static let allCases = (0..<UInt8(truncatingIfNeeded: WEIR_REASON_COUNT.rawValue)).map(Reason.init(rawValue:))

    public static let none = Reason(WEIR_REASON_NONE)
    public static let outbound = Reason(WEIR_REASON_OUTBOUND)
    public static let inbound = Reason(WEIR_REASON_INBOUND)
    public static let dns = Reason(WEIR_REASON_DNS)
    public static let ownAddress = Reason(WEIR_REASON_OWN_ADDRESS)
    public static let includedPort = Reason(WEIR_REASON_INCLUDED_PORT)
    public static let includedRange = Reason(WEIR_REASON_INCLUDED_RANGE)
    public static let virtualInterface = Reason(WEIR_REASON_VIRTUAL_INTERFACE)
    public static let proxy = Reason(WEIR_REASON_PROXY)
    public static let weirProxy = Reason(WEIR_REASON_WEIR_PROXY)
    public static let loopback = Reason(WEIR_REASON_LOOPBACK)
    public static let localAddress = Reason(WEIR_REASON_LOCAL_ADDRESS)
    public static let passthroughSource = Reason(WEIR_REASON_PASSTHROUGH_SOURCE)
    public static let excludedPort = Reason(WEIR_REASON_EXCLUDED_PORT)
    public static let excludedRange = Reason(WEIR_REASON_EXCLUDED_RANGE)
    public static let excludedSource = Reason(WEIR_REASON_EXCLUDED_SOURCE)
    public static let excludedInterface = Reason(WEIR_REASON_EXCLUDED_INTERFACE)
    public static let excludedGroup = Reason(WEIR_REASON_EXCLUDED_GROUP)
    public static let excludedUID = Reason(WEIR_REASON_EXCLUDED_UID)
    public static let notIncluded = Reason(WEIR_REASON_NOT_INCLUDED)
    public static let tunnelPort = Reason(WEIR_REASON_TUNNEL_PORT)
    public static let udp = Reason(WEIR_REASON_UDP)
    public static let dnsOverTCP = Reason(WEIR_REASON_DNS_OVER_TCP)
    public static let family = Reason(WEIR_REASON_FAMILY)
    public static let disabled = Reason(WEIR_REASON_DISABLED)
    public static let proxyDownDirect = Reason(WEIR_REASON_PROXY_DOWN_DIRECT)
    public static let proxyDownFallback = Reason(WEIR_REASON_PROXY_DOWN_FALLBACK)
    public static let proxyDownRefused = Reason(WEIR_REASON_PROXY_DOWN_REFUSED)
    public static let noMemory = Reason(WEIR_REASON_NO_MEMORY)
    public static let noPolicy = Reason(WEIR_REASON_NO_POLICY)
    public static let rule = Reason(WEIR_REASON_RULE)
    public static let loop = Reason(WEIR_REASON_LOOP)
    public static let tooManyHandshakes = Reason(WEIR_REASON_TOO_MANY_HANDSHAKES)
    public static let proxyNotSteerable = Reason(WEIR_REASON_PROXY_NOT_STEERABLE)
    public static let noRoute = Reason(WEIR_REASON_NO_ROUTE)
}

extension Reason: CustomStringConvertible, Codable {
    public var description: String { word }

    /// From the word.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let word = try container.decode(String.self)
        guard let reason = Reason(word: word) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(word)\" is not a reason")
        }
        self = reason
    }

    /// As the word.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(word)
    }
}
