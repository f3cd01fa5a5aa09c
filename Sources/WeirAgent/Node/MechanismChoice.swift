import WeirCore

/// What a workload is intercepted with, and why.
struct MechanismChoice: Hashable {
    let mechanism: Mechanism
    /// The middle of a sentence.
    let because: String

    /// - Parameters:
    ///   - workload: what the workload asks for; nil for what the node's configuration says.
    ///   - whyNoPrograms: why BPF programs cannot be used here; nil when they can.
    init(_ workload: Mechanism?, _ node: Mechanism, whyNoPrograms: String?) {
        switch (workload ?? node, whyNoPrograms) {
        case (.auto, nil): (mechanism, because) = (.ebpf, "auto: the kernel takes every program")
        case (.auto, let why?): (mechanism, because) = (.nftables, "auto: \(why)")
        case (let asked, _): (mechanism, because) = (asked, "the \(workload == nil ? "node" : "workload") says so")
        }
    }
}

extension Configuration {
    /// Whether the node or some workload would take BPF programs.
    var wantsPrograms: Bool {
        mechanism != .nftables || workloads.contains { $0.mechanism == .ebpf || $0.mechanism == .auto }
    }

    /// Whether nothing else will do.
    var needsPrograms: Bool { mechanism == .ebpf || workloads.contains { $0.mechanism == .ebpf } }

    /// Whether the node or some workload asks for nftables.
    var needsRules: Bool { mechanism == .nftables || workloads.contains { $0.mechanism == .nftables } }
}
