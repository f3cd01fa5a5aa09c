public import CWeirABI

/// What is known of one attempt: `enum weir_fact` of `weir/abi.h`, a bit each.
public struct Facts: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public init(_ fact: weir_fact) {
        self.init(rawValue: UInt32(fact.rawValue))
    }

    public static let udp = Facts(WEIR_FACT_UDP)
    public static let ipv6 = Facts(WEIR_FACT_IPV6)
    public static let local = Facts(WEIR_FACT_LOCAL)
    public static let loopbackRange = Facts(WEIR_FACT_LOOPBACK_RANGE)
    public static let passthroughSource = Facts(WEIR_FACT_PASSTHROUGH_SOURCE)
    public static let proxyFirstUID = Facts(WEIR_FACT_PROXY_FIRST_UID)
    public static let proxyOtherUID = Facts(WEIR_FACT_PROXY_OTHER_UID)
    public static let proxyGID = Facts(WEIR_FACT_PROXY_GID)
    public static let proxyCgroup = Facts(WEIR_FACT_PROXY_CGROUP)
    public static let groupListed = Facts(WEIR_FACT_GROUP_LISTED)
    public static let uidPort = Facts(WEIR_FACT_UID_PORT)
    public static let portExcluded = Facts(WEIR_FACT_PORT_EXCLUDED)
    public static let portIncluded = Facts(WEIR_FACT_PORT_INCLUDED)
    public static let portInbound = Facts(WEIR_FACT_PORT_INBOUND)
    public static let portDNS = Facts(WEIR_FACT_PORT_DNS)
    public static let portTunnel = Facts(WEIR_FACT_PORT_TUNNEL)
    public static let rangeExcluded = Facts(WEIR_FACT_RANGE_EXCLUDED)
    public static let rangeIncluded = Facts(WEIR_FACT_RANGE_INCLUDED)
    public static let dnsServer = Facts(WEIR_FACT_DNS_SERVER)
    public static let sourceListed = Facts(WEIR_FACT_SOURCE_LISTED)
    public static let interfaceExcluded = Facts(WEIR_FACT_INTERFACE_EXCLUDED)
    public static let interfaceVirtual = Facts(WEIR_FACT_INTERFACE_VIRTUAL)
    public static let mark = Facts(WEIR_FACT_MARK)

    /// The socket belongs to the proxy, however that is known.
    public static let proxy: Facts = [.proxyFirstUID, .proxyOtherUID, .proxyGID, .proxyCgroup]

    private static let words = [
        "udp", "ipv6", "local", "loopback_range", "passthrough_source", "proxy_first_uid", "proxy_other_uid",
        "proxy_gid", "proxy_cgroup", "group_listed", "uid_port", "port_excluded", "port_included", "port_inbound",
        "port_dns", "port_tunnel", "range_excluded", "range_included", "dns_server", "source_listed",
        "interface_excluded", "interface_virtual", "mark",
    ]
}

extension Facts: CustomStringConvertible {
    /// The words of the bits, in the order of `enum weir_fact`, in lower case.
    public var names: [String] {
        Self.words.enumerated().filter { rawValue >> UInt32($0.offset) & 1 == 1 }.map(\.element)
    }

    public var description: String { names.joined(separator: " ") }
}
