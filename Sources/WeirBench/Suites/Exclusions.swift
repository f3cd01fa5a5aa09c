import WeirCore

/// A policy as Istio's injector sets it up, with exclusions that no connection of the benchmark meets: they cost, and
/// decide nothing.
struct Exclusions: Equatable {
    /// Of each family.
    var ranges = 0
    var ports = 0

    static let steps = [0, 100, 1000, 10000].map { Exclusions(ranges: $0) } + [Exclusions(ports: 1000)]

    func policy() throws -> PolicySpecification {
        var policy = try Profile.istio.specification()
        policy.outboundExcludeRanges = (0..<ranges).flatMap { number in
            // Every other /24 of 60.0.0.0/8 and on, so that no two are neighbours that could be joined.
            [
                CIDR(containing: Address(ipv4: 0x3c00_0000 + UInt32(number) << 9), length: 120),
                CIDR(containing: Address(high: 0x2001_0db8_0000_0000 | UInt64(number + 16) << 17, low: 0), length: 48),
            ]
        }
        policy.outboundExcludePorts = (0..<ports).map { PortRange(UInt16(20000 + 2 * $0)) }
        return policy
    }
}

extension Exclusions: CustomStringConvertible {
    var parameter: Measurement.Parameter {
        ports > 0
            ? Measurement.Parameter(name: "excluded ports", value: Double(ports))
            : Measurement.Parameter(name: "excluded CIDRs", value: Double(ranges))
    }

    var description: String { "\(Int(parameter.value)) \(parameter.name)" }
}
