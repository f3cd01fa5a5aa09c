import Logging
import WeirBPF

/// An agent that finds programs whose maps have another layout: it prepares its own beside them, registers everything,
/// and puts them in their place.
extension Node {
    /// Whether another version's programs decide still, because not all pods are known.
    var isWaiting: Bool { ebpf?.interceptor.isWaiting ?? false }

    /// All that is intercepted is registered.
    /// - Throws: when the other version's programs go on deciding.
    func takeOver() throws(BPFError) {
        guard isWaiting else { return }
        try ebpf?.interceptor.takeOver()
        logger.notice("took over from programs of another version", metadata: ["pins": "\(pins.path)"])
    }

    /// Called every few seconds: what has kept this version from taking over may have gone.
    func retryTakeOver() {
        guard isWaiting, !keepsStrangers else { return }
        settle()
    }

    /// What the other version's programs still do for connections that they decided ends after this: TCP gives up a
    /// handshake after 127 s (tcp_syn_retries of ip-sysctl), and a proxy asks for the origin when it accepts.
    private static let careOfPredecessors = Duration.seconds(150)

    /// Called every few seconds.
    func retirePredecessors() {
        guard !pins.predecessors().isEmpty else { return predecessorsSince = nil }
        let since = predecessorsSince ?? .now
        predecessorsSince = since
        guard ContinuousClock.now - since > Self.careOfPredecessors else { return }
        Interceptor.removePredecessors(pins)
        logger.info("the other version's programs are gone", metadata: ["pins": "\(pins.path)"])
    }
}
