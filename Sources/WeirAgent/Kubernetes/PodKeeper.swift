import Logging
import WeirBPF
import WeirCore
import WeirKubernetes

/// Keeps the pods of this node in the kernel: what they are comes from the API server, where they are from the CNI
/// plugin or, without it, from the processes of the node.
///
/// Concurrency: events of the API, calls of the plugin and the search each do their whole work in one passage of the
/// turnstile, so that none sees another's half.
actor PodKeeper {
    let node: Node
    let pins: PinDirectory
    let nodeName: String
    let server: APIServer
    let logger: Logger
    let turnstile = Turnstile()
    /// By uid.
    var pods: [String: PodRecord] = [:]
    /// Whether the first list has been worked through.
    private(set) var isSettled = false
    /// Why the API server is not followed now.
    private(set) var failure: String?
    private var searching: Task<Void, Never>?
    var pace = SearchPace()

    init(_ node: Node, _ cluster: Cluster, _ pins: PinDirectory, logger: Logger) throws {
        self.node = node
        self.pins = pins
        self.logger = logger
        nodeName = cluster.node
        server = try APIServer(cluster.access)
    }

    /// For an agent that ends before `run`.
    func close() async { await server.close() }

    /// Follows the API server until the task is cancelled.
    func run() async {
        await PodWatch(server, node: nodeName, logger: logger).run { await self.handle($0) }
        searching?.cancel()
        await server.close()
    }

    private func handle(_ event: PodWatch.Event) async {
        await turnstile.pass {
            failure = nil
            switch event {
            case .all(let all): await replace(all)
            case .changed(let pod):
                await update(pod)
                pods[pod.metadata.uid]?.isExpected = false
            case .deleted(let pod): await forget(pod.metadata.uid)
            case .failed(let sentence): failure = sentence
            }
        }
        startSearch()
    }

    private func replace(_ all: [Pod]) async {
        let present = Set(all.map(\.metadata.uid))
        for (uid, pod) in pods where !present.contains(uid) && !pod.isExpected { await forget(uid) }
        for pod in all {
            await update(pod)
            pods[pod.metadata.uid]?.isExpected = false
        }
        guard !isSettled else { return }
        // What runs already is found before anything of an earlier agent's is removed.
        await attachFound()
        await node.podsAreKnown()
        isSettled = true
        let intercepted = pods.values.count { $0.attachment?.meshed != nil }
        logger.info(
            "pods are known",
            metadata: ["node": "\(nodeName)", "pods": "\(pods.count)", "intercepted": "\(intercepted)"])
    }

    /// Takes in what the API server says of a pod.
    func update(_ pod: Pod) async {
        let uid = pod.metadata.uid
        // Its containers have ended; the address may be another pod's tomorrow.
        if pod.isOver { return await forget(uid) }
        var record = PodRecord(pod)
        if let known = pods[uid] { record.keep(known) }
        if let kept = record.keepInForce() {
            if pods[uid]?.problem != kept { logger.warning("pod not changed", metadata: ["error": "\(kept)"]) }
            pods[uid] = record
            return
        }
        let isNews = pods[uid].map { $0.meshed != record.meshed } ?? true
        pods[uid] = record
        switch record.membership {
        case .meshed(let meshed):
            guard let attachment = record.attachment else { return }
            guard attachment.meshed != meshed else {
                pods[uid]?.problem = nil
                return
            }
            await apply(uid)
        case .exempt, .invalid:
            if case .invalid(let sentence) = record.membership {
                if record.problem != sentence {
                    logger.warning("pod not intercepted", metadata: ["error": "\(sentence)"])
                }
                pods[uid]?.problem = sentence
            } else {
                pods[uid]?.problem = nil
            }
            if isNews, record.attachment?.meshed != nil { await node.removePod(uid: uid) }
            pods[uid]?.attachment?.meshed = nil
        }
    }

    /// A pod that is gone, or whose containers have all ended.
    func forget(_ uid: String) async {
        guard let gone = pods.removeValue(forKey: uid) else { return }
        if gone.attachment?.meshed != nil { await node.removePod(uid: uid) }
        if let cookie = gone.attachment?.namespace.cookie { ReplacedRules(cookie, pins).forget() }
    }

    /// The pod is in this namespace, and in no other.
    func attach(_ uid: String, _ attachment: PodRecord.Attachment) async {
        if let present = pods[uid]?.attachment, present.namespace.cookie != attachment.namespace.cookie {
            // A sandbox made anew.
            if present.meshed != nil { await node.removePod(uid: uid) }
        }
        pods[uid]?.attachment = attachment
        await apply(uid)
    }

    /// The pod's namespace has gone, or nobody can say any more that it is the pod's.
    func detach(_ uid: String) async {
        guard let present = pods[uid]?.attachment else { return }
        if present.meshed != nil { await node.removePod(uid: uid) }
        pods[uid]?.attachment = nil
    }

    /// Puts the policy of a pod in force in its namespace, unless a mesh's iptables rules are.
    func apply(_ uid: String) async {
        guard let record = pods[uid], let meshed = record.meshed, let attachment = record.attachment else { return }
        do {
            if let reason = try rules(meshed, attachment) {
                if record.rules != reason {
                    logger.notice("pod not intercepted", metadata: ["pod": "\(record.name)", "reason": "\(reason)"])
                }
                pods[uid]?.rules = reason
                return
            }
            pods[uid]?.rules = nil
            try await putInForce(uid)
        } catch {
            if record.problem != "\(error)" {
                logger.error("pod not intercepted", metadata: ["pod": "\(record.name)", "error": "\(error)"])
            }
            pods[uid]?.problem = "\(error)"
        }
    }

    func putInForce(_ uid: String) async throws {
        guard let record = pods[uid], let meshed = record.meshed, let attachment = record.attachment else { return }
        let acceleration = meshed.acceleration
        let workload = Workload(
            name: record.name, selector: .pod(uid), mesh: meshed.mesh, acceleration: acceleration.scope,
            accelerationBudget: acceleration.budget, proxyReads: meshed.proxyReads,
            applicationReads: acceleration.applicationReads ?? .unknown, policy: meshed.policy)
        try await node.putPod(workload, in: attachment.namespace, isEmpty: attachment.isNew)
        pods[uid]?.attachment?.meshed = meshed
        pods[uid]?.problem = nil
    }

    /// Why a pod is left to iptables: two that redirect the same connection would hide its origin from each other.
    private func rules(_ meshed: MeshedPod, _ attachment: PodRecord.Attachment) throws -> String? {
        // Those that Weir took out for this pod do not come back by themselves.
        if ReplacedRules(attachment.namespace.cookie, pins).exist { return nil }
        if let container = meshed.iptablesContainer {
            return "its init container \(container) writes the mesh's iptables rules, which redirect its traffic"
        }
        guard let chain = try attachment.namespace.meshChains().first else { return nil }
        return "the mesh's iptables rules redirect its traffic (chain \(chain))"
    }

    /// Looks for sought pods until all are found: often when the runtime has made a namespace or the API server has said
    /// something, and for a while after; else seldom.
    private func startSearch() {
        pace.quicken()
        guard searching == nil, pods.values.contains(where: \.isSought) else { return }
        searching = Task {
            while !Task.isCancelled, pods.values.contains(where: \.isSought) {
                if let look = pace.due() { await search(look) }
                try? await Task.sleep(for: pace.pause)
            }
            searching = nil
        }
    }

    /// Others go on meanwhile: the plugin does not wait for it.
    private func search(_ look: SearchPace.Look) async {
        let wanted = Set(pods.values.filter(\.isSought).map(\.nodeUID))
        let start = ContinuousClock.now
        let found = await Task.detached {
            look == .quick ? PodProcesses.find(wanted) : PodProcesses.findAnywhere(wanted)
        }.value
        if look == .quick { pace.took(.now - start) }
        if !found.isEmpty { await turnstile.pass { await attach(found) } }
    }

    private func attachFound() async {
        let wanted = Set(pods.values.filter(\.isSought).map(\.nodeUID))
        if !wanted.isEmpty { await attach(PodProcesses.findAnywhere(wanted)) }
    }

    private func attach(_ found: [String: PodProcesses.Found]) async {
        for pod in pods.values where pod.isSought {
            guard let process = found[pod.nodeUID] else { continue }
            // The process may have ended, and its number may be another's, between the two looks.
            guard let namespace = try? HeldNamespace(foundAt: process.path), namespace.inode == process.inode
            else { continue }
            await attach(pod.uid, PodRecord.Attachment(namespace: namespace, witness: process.path))
        }
    }

    /// Called every few seconds: whether the namespaces are still their pods'.
    func refresh() async {
        await turnstile.pass {
            for (uid, pod) in pods {
                guard let attachment = pod.attachment else { continue }
                guard NetworkNamespace.inode(of: attachment.witness) != attachment.namespace.inode else { continue }
                let other = PodProcesses.findAnywhere([pod.nodeUID])[pod.nodeUID]
                if let other, other.inode == attachment.namespace.inode {
                    pods[uid]?.attachment?.witness = other.path
                } else {
                    await detach(uid)
                }
            }
        }
        startSearch()
    }
}
