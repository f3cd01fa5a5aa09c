import WeirCore

extension PolicySpecification {
    /// The proxy's outbound listener. A loopback address of either family stands for both; any other address captures
    /// its own family only.
    mutating func listen(on proxy: Endpoint) {
        outboundPort = proxy.port
        guard !proxy.address.isLoopback && !proxy.address.isUnspecified else { return }
        proxyAddress4 = proxy.address.isIPv4 ? proxy.address : .any6
        proxyAddress6 = proxy.address.isIPv4 ? .any6 : proxy.address
    }

    /// The proxy's DNS listener, likewise.
    mutating func listenForDNS(on address: Address) {
        let isLoopback = address.isLoopback || address.isUnspecified
        dnsAddress4 = isLoopback ? .loopback4 : address.isIPv4 ? address : .any6
        dnsAddress6 = isLoopback ? .loopback6 : address.isIPv4 ? .any6 : address
    }
}
