import Logging
import WeirBPF
import WeirCore
import WeirNFT

/// What the node's workloads are intercepted with.
extension Node {
    /// Loads the programs when they are wanted for the first time. Those that an earlier agent left are taken over in
    /// any case, because they would go on deciding.
    func install(for new: Configuration) throws {
        guard ebpf == nil, loaded != nil || new.wantsPrograms || pins.exists else { return }
        do {
            let made = try load(new)
            ebpf = made
            for one in try WorkloadTable.read(made.interceptor.maps) where !one.isProxy { names.note(one.id, one.name) }
            whyNoPrograms = nil
            installed.yield(made.interceptor.maps)
        } catch {
            if new.needsPrograms || pins.exists { throw error }
            whyNoPrograms = "\(error)"
            logger.warning("no BPF programs; nftables takes their place", metadata: ["reason": "\(error)"])
        }
    }

    private func load(_ new: Configuration) throws(BPFError) -> EBPFMechanism {
        let interceptor = if let loaded { loaded } else { try installPrograms(new) }
        return try EBPFMechanism(interceptor, logger: logger) { [weak self] cookie in
            Task { await self?.routesChanged(cookie) }
        }
    }

    private func installPrograms(_ new: Configuration) throws(BPFError) -> Interceptor {
        try Host.require()
        if try Host.mountBPFFileSystem(at: new.agent.bpffs) {
            logger.notice("mounted the BPF file system", metadata: ["path": "\(new.agent.bpffs)"])
        }
        let installed = try Interceptor.install(pins, cgroup: new.agent.cgroup, launcher: launcher)
        if let why = installed.whyCharged {
            logger.warning(
                "the memory of the maps is charged to this process, so pods' sockets count against its limit",
                metadata: ["reason": "\(why)"])
        }
        return installed
    }

    /// What this workload is intercepted with.
    func choice(of workload: Workload, _ configuration: Configuration) -> MechanismChoice {
        MechanismChoice(workload.mechanism, configuration.mechanism, whyNoPrograms: whyNoPrograms)
    }

    /// What the node is intercepted with where a workload does not say.
    var choice: MechanismChoice { MechanismChoice(nil, configuration.mechanism, whyNoPrograms: whyNoPrograms) }

    /// Refuses, before anything is changed, what the mechanism cannot do or has no tools for.
    func require(_ mechanism: Mechanism, for resolved: ResolvedWorkload) throws {
        switch mechanism {
        case .nftables: try requireNFT(resolved)
        case .auto, .ebpf:
            if resolved.isPod && resolved.needsRules { _ = try NFT() }
        }
    }

    func requireNFT(_ resolved: ResolvedWorkload) throws {
        // A pod's annotation is no reason to let its connections pass, nor is the lack of BPF.
        let mayDoWithout = resolved.held != nil || whyNoPrograms != nil
        if let refusal = resolved.workload.refusal(insists: !mayDoWithout) { throw InvalidValue(refusal.sentence) }
        try NFT().requireTools(for: try NFTMechanism.ruleset(for: resolved))
    }
}
