extension Workload {
    /// Something that nftables cannot do, and the key that asks for it.
    public struct Refusal: Hashable, Sendable {
        public let key: String
        public let sentence: String
    }

    /// Why nftables cannot intercept it; nil: it can.
    /// - Parameter insists: whether also what connections can do without is a reason: it was asked for, and there is a
    ///   mechanism that has it.
    public func refusal(insists: Bool) -> Refusal? {
        switch selector {
        case .cgroup, .unit:
            return Refusal(
                key: "selector", sentence: "\(selector) shares the host's network namespace; use mechanism: ebpf for it"
            )
        case .netns, .pod: break
        }
        if whenProxyDown != .refuse {
            return Refusal(
                key: "whenProxyDown",
                sentence: "nftables cannot see whether the proxy listens; use whenProxyDown: refuse, or mechanism: ebpf"
            )
        }
        if proxyCgroup != nil {
            return Refusal(
                key: "proxy.cgroup",
                sentence:
                    "nftables rules know the proxy by its user or group; write proxy.uid or proxy.gid in place of "
                    + "proxy.cgroup, or mechanism: ebpf")
        }
        if policy.originFromSocketName {
            return Refusal(
                key: "originFrom",
                sentence: "with nftables getsockname gives the proxy's own address; use originFrom: getsockopt, or "
                    + "mechanism: ebpf")
        }
        guard insists else { return nil }
        if let acceleration, ![.off, .auto].contains(acceleration) {
            return Refusal(
                key: "acceleration",
                sentence: "nftables passes nothing past the stack; use mechanism: ebpf, or acceleration: off")
        }
        if followPassed {
            return Refusal(
                key: "followPassed",
                sentence: "nftables keeps no records of connections; use mechanism: ebpf, or followPassed: false")
        }
        return nil
    }
}
