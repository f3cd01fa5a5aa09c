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
    private var search: Task<Void, Never>?

    init(_ node: Node, _ settings: Configuration.Kubernetes, logger: Logger) throws {
        self.node = node
        self.logger = logger
        nodeName = try Self.nodeName(settings)
        let access = try settings.kubeconfig.map { path throws(InvalidValue) in try Kubeconfig.access(path: path) }
        server = try APIServer(try access ?? ClusterAccess.inCluster())
    }

    /// Follows the API server until the task is cancelled.
    func run() async {
        await PodWatch(server, node: nodeName, logger: logger).run { await self.handle($0) }
        search?.cancel()
        await server.close()
    }

    private func handle(_ event: PodWatch.Event) async {
        await turnstile.enter()
        switch event {
        case .all(let all): await replace(all)
        case .changed(let pod): await update(pod)
        case .deleted(let pod): await forget(pod.metadata.uid)
        case .failed(let sentence): failure = sentence
        }
        if case .failed = event {} else { failure = nil }
        await turnstile.leave()
        startSearch()
    }

    private func replace(_ all: [Pod]) async {
        let present = Set(all.map(\.metadata.uid))
        for uid in pods.keys where !present.contains(uid) { await forget(uid) }
        for pod in all { await update(pod) }
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
        record.attachment = pods[uid]?.attachment
        record.problem = pods[uid]?.problem
        let isNews = pods[uid].map { $0.meshed != record.meshed } ?? true
        pods[uid] = record
        switch record.membership {
        case .meshed(let meshed):
            guard let attachment = record.attachment, attachment.meshed != meshed else { return }
            await apply(uid)
        case .exempt, .invalid:
            if case .invalid(let sentence) = record.membership {
                if record.problem != sentence { logger.warning("pod not intercepted", metadata: ["error": "\(sentence)"]) }
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

    /// Puts the policy of a pod in force in its namespace.
    private func apply(_ uid: String) async {
        guard let record = pods[uid], let meshed = record.meshed, let attachment = record.attachment else { return }
        let workload = Workload(name: record.name, selector: .pod(uid), mesh: meshed.mesh, policy: meshed.policy)
        do {
            try await node.putPod(workload, in: attachment.namespace)
            pods[uid]?.attachment?.meshed = meshed
            pods[uid]?.problem = nil
        } catch {
            if record.problem != "\(error)" {
                logger.error("pod not intercepted", metadata: ["pod": "\(record.name)", "error": "\(error)"])
            }
            pods[uid]?.problem = "\(record.name): \(error)"
        }
    }

    /// Looks for sought pods until all are found: at once, and then at most a tenth of the time.
    private func startSearch() {
        guard search == nil, pods.values.contains(where: \.isSought) else { return }
        search = Task {
            while !Task.isCancelled {
                let began = ContinuousClock.now
                await turnstile.enter()
                await attachFound()
                await turnstile.leave()
                if !pods.values.contains(where: \.isSought) { break }
                let took = ContinuousClock.now - began
                try? await Task.sleep(for: max(.milliseconds(20), took * 10))
            }
            search = nil
        }
    }

    private func attachFound() async {
        let sought = pods.values.filter(\.isSought)
        guard !sought.isEmpty else { return }
        let found = PodProcesses.find(Set(sought.map(\.nodeUID)))
        for pod in sought {
            guard let process = found[pod.nodeUID] else { continue }
            // The process may have ended, and its number may be another's, between the two looks.
            guard let namespace = try? HeldNamespace(foundAt: process.path), namespace.inode == process.inode
            else { continue }
            await attach(pod.uid, PodRecord.Attachment(namespace: namespace, witness: process.path))
        }
    }

    /// Called every few seconds: whether the namespaces are still their pods'.
    func refresh() async {
        await turnstile.enter()
        for (uid, pod) in pods {
            guard let attachment = pod.attachment else { continue }
            guard NetworkNamespace.inode(of: attachment.witness) != attachment.namespace.inode else { continue }
            let other = PodProcesses.find([pod.nodeUID])[pod.nodeUID]
            if let other, other.inode == attachment.namespace.inode {
                pods[uid]?.attachment?.witness = other.path
            } else {
                await detach(uid)
            }
        }
        await turnstile.leave()
        startSearch()
    }

    /// Where the kubelet runs under another name than the host's, the environment or the file has to say it.
    private static func nodeName(_ settings: Configuration.Kubernetes) throws(InvalidValue) -> String {
        if let name = settings.node { return name }
        if let name = Processes.environment("NODE_NAME") { return name }
        guard let name = Processes.hostName() else {
            throw InvalidValue("this machine has no host name; say the node's name with agent.kubernetes.node")
        }
        return name.lowercased()
    }
}
