import CWeirABI
import Glibc
public import WeirCore

/// Whether a proxy listens at a port that its workload's connections are sent to, in one family, as the kernel says.
public struct ProxyPort: Sendable, Hashable, Codable {
    public enum State: String, Sendable, Codable {
        case listening
        /// Nobody does: connections are refused, or what `whenProxyDown` says happens.
        case down
        /// Somebody does, and BPF programs cannot steer connections from outside to that socket.
        case notSteerable = "not_steerable"
        /// The kernel cannot be asked.
        case unknown
    }

    /// What is sent there: `outbound`, `inbound` or `dns`.
    public let use: Verdict
    /// "tcp" or "udp".
    public let transport: String
    /// In host order.
    public let port: UInt16
    /// "IPv4" or "IPv6".
    public let family: String
    public var state: State
    /// Whether the namespace has the family at all: a route or an address that is not the loopback interface's.
    public let isUsed: Bool

    public init(use: Verdict, transport: String, port: UInt16, family: String, state: State, isUsed: Bool) {
        self.use = use
        self.transport = transport
        self.port = port
        self.family = family
        self.state = state
        self.isUsed = isUsed
    }

    /// The same for somebody who asks about a connection in this family.
    public var asUsed: ProxyPort {
        ProxyPort(use: use, transport: transport, port: port, family: family, state: state, isUsed: true)
    }

    /// Connections that come to nothing.
    public var isFault: Bool { isUsed && (state == .down || state == .notSteerable) }
}

extension ProxyPort {
    /// Asks the kernel about each port, a look-up or two for each family; the workload's sockets, however many, are not
    /// walked.
    /// - Parameter maps: those of programs that steer inbound connections; nil where nftables rules do.
    public static func look(
        at targets: [ProxyTarget], in namespace: borrowing NetworkNamespace, steeredBy maps: Maps?
    ) throws(BPFError) -> [ProxyPort] {
        let cookie = namespace.cookie
        return try namespace.enter { () throws(BPFError) in
            let ways = Ways()
            var found: [ProxyPort] = []
            for target in targets {
                for address in target.addresses {
                    let state = state(of: target, address, ways, cookie, target.verdict == .inbound ? maps : nil)
                    found.append(
                        ProxyPort(
                            use: target.verdict, transport: target.transport.word, port: target.port,
                            family: address.isIPv4 ? "IPv4" : "IPv6", state: state, isUsed: ways.use(address)))
                }
            }
            return found
        }
    }

    private static func state(
        of target: ProxyTarget, _ address: Address, _ ways: Ways, _ cookie: UInt64, _ maps: Maps?
    ) -> State {
        // From outside, a listener of the loopback address is not reached; one of a single address is.
        let isIPv4 = address.isIPv4
        let places =
            target.verdict == .inbound
            ? [isIPv4 ? .any4 : .any6] + [isIPv4 ? ways.own4 : ways.own6].compactMap(\.self) : [address]
        do {
            for place in places {
                let endpoint = Endpoint(address: place, port: target.port)
                guard let taker = try SocketDiagnosis.taker(at: endpoint, target.transport) else { continue }
                guard let maps else { return .listening }
                let isSteerable = try ListenerAdoption.isPresent(
                    target.port, family: taker.family, connections: isIPv4, cookie, maps)
                return isSteerable ? .listening : .notSteerable
            }
            return .down
        } catch {
            return .unknown
        }
    }

    /// What the calling thread's namespace has of each family.
    private struct Ways {
        /// The source of a connection to anywhere.
        let own4, own6: Address?
        private let hasIPv4, hasIPv6: Bool

        init() {
            own4 = Self.source(to: Address(ipv4: 0xc000_0201))  // 192.0.2.1, of RFC 5737
            own6 = Self.source(to: Address(high: 0x2001_0db8_0000_0000, low: 1))  // RFC 3849
            // A heading, and the routes of the main table, in which the loopback interface has none.
            hasIPv4 = own4 != nil || TextFile.lines("/proc/thread-self/net/route", most: 2).count > 1
            // Address, index, length, scope, flags, name; scope 00 is global.
            hasIPv6 =
                own6 != nil
                || TextFile.lines("/proc/thread-self/net/if_inet6", most: 256).contains { line in
                    let fields = line.split(separator: " ")
                    return fields.count == 6 && fields[3] == "00" && fields[5] != "lo"
                }
        }

        private static func source(to address: Address) -> Address? {
            var route = Route(isLocal: false, interface: 0, source: nil)
            guard (try? RouteReader().ask(address, &route)) != nil else { return nil }
            return route.source.flatMap { $0.isLoopback ? nil : $0 }
        }

        func use(_ address: Address) -> Bool { address.isIPv4 ? hasIPv4 : hasIPv6 }
    }
}

extension Maps {
    /// The ports that the policy in a slot sends connections to.
    public func targets(of slot: UInt32) throws(BPFError) -> [ProxyTarget] {
        guard let policy = try policy(in: slot) else { return [] }
        let value = policy.memory
        let proxy = [Address(abi: value.pointee.proxy4), Address(abi: value.pointee.proxy6)]
        let elsewhere = [Address(abi: value.pointee.dns4), Address(abi: value.pointee.dns6)]
        let dns = zip(elsewhere, proxy).map { $0.isUnspecified ? $1 : $0 }
        let rules = withUnsafeBytes(of: &value.pointee.rules) { Array($0.bindMemory(to: weir_rule.self)) }
        let counts = value.pointee.rule_count
        let ports = withUnsafeBytes(of: value.pointee.port) { Array($0.bindMemory(to: UInt16.self)) }
        func read(_ rules: ArraySlice<weir_rule>) -> [ProxyTarget.Rule] {
            rules.map {
                (Verdict(rawValue: $0.verdict) ?? .direct, Facts(rawValue: $0.care), Facts(rawValue: $0.want))
            }
        }
        return ProxyTarget.all(
            outbound: read(rules.prefix(Int(counts.0))),
            inbound: read(rules.dropFirst(rules.count / 2).prefix(Int(counts.1))), proxy: proxy, dns: dns
        ) { verdict in
            let port = UInt16(bigEndian: ports[Int(verdict.rawValue)])
            return port == 0 ? nil : port
        }
    }
}
