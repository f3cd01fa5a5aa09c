import Logging
import WeirBPF
import WeirCore
import WeirKubernetes

/// Keeps the pods of this node in the kernel: what they are comes from the API server, where they are from the CNI
/// plugin or, without it, from the processes of the node.
///
/// Concurrency: what is done for one pod is done in that pod's lane, one thing after the other, so that none sees
/// another's half; pods do not wait for each other. What may take long is done in a workshop's threads: the plugin's
/// calls have their own. Of what the API server says of a pod whose turn has not come, only the last counts.
actor PodKeeper {
    let node: Node
    let pins: PinDirectory
    let nodeName: String
    let server: APIServer
    let logger: Logger
    let notes: SandboxNotes
    /// By uid.
    var pods: [String: PodRecord] = [:]
    private(set) var lanes: [String: Turnstile] = [:]
    /// What the API server said last, by uid.
    private var news: [String: News] = [:]
    /// Objects that cannot be read, by the pod's name where that can be.
    var odd: [String: OddObject] = [:]
    /// How many there were, of all versions.
    var oddCount = 0
    /// For what a sandbox waits for, and for everything else.
    let urgent = Workshop(width: 4)
    let patient = Workshop(width: 1)
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
        notes = SandboxNotes(pins)
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

    /// Does something for one pod when all that was begun for it before is done.
    func alone<Result>(with uid: String, _ body: () async throws -> Result) async rethrows -> Result {
        let lane = lanes[uid] ?? Turnstile()
        lanes[uid] = lane
        defer { if lane.isFree { lanes[uid] = nil } }
        return try await lane.pass(body)
    }

    private func handle(_ event: PodWatch.Event) async {
        failure = nil
        switch event {
        case .all(let all, let odd): await replace(all, odd)
        case .changed(let pod): hear(.changed(pod), of: pod.uid)
        case .deleted(let pod):
            odd[pod.name] = nil
            hear(.deleted, of: pod.uid)
        case .odd(let object): report(object)
        case .failed(let sentence): failure = sentence
        }
        startSearch()
    }

    private enum News {
        case changed(PodObject)
        case deleted
        /// What was heard is worked through, and there is nothing else yet.
        case read

        var isRead: Bool { if case .read = self { true } else { false } }
    }

    /// Of what is heard of a pod until its turn comes, only the last counts. A pod that costs much has its next turn
    /// late: no pod takes more than a tenth of a processor by changing often.
    private func hear(_ one: News, of uid: String) {
        guard news.updateValue(one, forKey: uid) == nil else { return }
        Task {
            while let next = news.updateValue(.read, forKey: uid), !next.isRead {
                let began = ContinuousClock.now
                await alone(with: uid) {
                    switch next {
                    case .changed(let object): await takeIn(object)
                    case .deleted: await forget(uid)
                    case .read: break
                    }
                }
                startSearch()
                try? await Task.sleep(for: min((.now - began) * 9, .seconds(10)))
            }
            news[uid] = nil
        }
    }

    /// In the pod's lane, as the next.
    private func takeIn(_ object: PodObject) async {
        do {
            let pod = try await patient.run { try object.read() }
            // A server that does not select tells of those of other nodes.
            if pod.spec.nodeName == nodeName { await takeIn(pod) }
        } catch let odd as OddPod {
            report(odd.object)
        } catch {
            logger.error("pod not looked at", metadata: ["pod": "\(object.name)", "error": "\(error)"])
        }
    }

    private func takeIn(_ pod: Pod) async {
        // A list may have told more meanwhile.
        if let known = pods[pod.metadata.uid]?.version, let told = pod.version, told < known { return }
        guard pods[pod.metadata.uid] != nil || pods.count < PodWatch.limit else {
            return report(OddObject(tooMany: pod))
        }
        guard let record = await record(of: pod, patient) else { return }
        await update(record)
        pods[pod.metadata.uid]?.isExpected = false
    }

    /// Decides about a pod, elsewhere.
    func record(of pod: Pod, _ workshop: Workshop) async -> PodRecord? {
        odd[pod.name] = nil
        let known = pods[pod.metadata.uid]
        do {
            return try await workshop.run { PodRecord(pod, known: known) }
        } catch {
            logger.error("pod not looked at", metadata: ["pod": "\(pod.name)", "error": "\(error)"])
            pods[pod.metadata.uid]?.problem = "its annotations take too long: \(error)"
            return nil
        }
    }

    /// What cannot be read is said once, and leaves things as they are.
    private func report(_ object: OddObject) {
        oddCount += 1
        let name = object.name ?? "an object of the API server"
        guard odd[name]?.sentence != object.sentence, odd[name] != nil || odd.count < PodWatch.oddLimit else { return }
        odd[name] = object
        logger.error("pod object skipped", metadata: ["pod": "\(name)", "error": "\(object.sentence)"])
    }

    private func replace(_ all: [Pod], _ skipped: [OddObject]) async {
        let present = Set(all.map(\.metadata.uid) + skipped.compactMap(\.uid))
        let names = Set(skipped.compactMap(\.name))
        odd = odd.filter { names.contains($0.key) }
        for object in skipped { report(object) }
        let gone = pods.values.filter { !present.contains($0.uid) && !names.contains($0.name) }.map(\.uid)
        for uid in gone {
            await alone(with: uid) { if pods[uid]?.isExpected == false { await forget(uid) } }
        }
        await withTaskGroup(of: Void.self) { group in
            for pod in all {
                group.addTask { await self.alone(with: pod.metadata.uid) { await self.takeIn(pod) } }
            }
        }
        guard !isSettled else { return }
        notes.keep(Set(pods.keys))
        // What runs already is found before anything of an earlier agent's is removed.
        await attachNoted()
        await search(.thorough)
        await node.podsAreKnown()
        isSettled = true
        let intercepted = pods.values.count { $0.attachment?.meshed != nil }
        logger.info(
            "pods are known",
            metadata: ["node": "\(nodeName)", "pods": "\(pods.count)", "intercepted": "\(intercepted)"])
    }

    /// Takes in what the API server says of a pod, in its lane.
    func update(_ said: PodRecord) async {
        let uid = said.uid
        if said.isOver { return await forget(uid) }
        var record = said
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
        notes.remove(uid)
    }

    /// The pod is in this namespace, and in no other.
    func attach(_ uid: String, _ attachment: PodRecord.Attachment) async {
        if let present = pods[uid]?.attachment, present.namespace.cookie != attachment.namespace.cookie {
            // A sandbox made anew.
            if present.meshed != nil { await node.removePod(uid: uid) }
        }
        // One that was found there before the plugin said whose it is.
        if attachment.sandbox != nil {
            for (other, record) in pods
            where other != uid && record.attachment?.namespace.cookie == attachment.namespace.cookie {
                await detach(other)
            }
        }
        pods[uid]?.attachment = attachment
        await apply(uid)
        guard pods[uid]?.attachment != nil else { return }
        do {
            try notes.write(attachment.note, of: uid)
        } catch {
            logger.error(
                "sandbox not recorded; a restarted agent will have to look for it", metadata: ["error": "\(error)"])
        }
    }

    /// The pod's namespace has gone, or nobody can say any more that it is the pod's.
    func detach(_ uid: String) async {
        guard let present = pods[uid]?.attachment else { return }
        if present.meshed != nil { await node.removePod(uid: uid) }
        pods[uid]?.attachment = nil
        pods[uid]?.doubt = nil
        notes.remove(uid)
    }

    /// Puts the policy of a pod in force in its namespace, unless a mesh's own rules are.
    func apply(_ uid: String) async {
        guard let record = pods[uid], let meshed = record.meshed, let attachment = record.attachment else { return }
        do {
            if let reason = try await rules(meshed, attachment) {
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
        let namespace = attachment.namespace
        let resolved = try await workshop(for: attachment).run {
            let workload = Workload(
                name: record.name, selector: .pod(uid), mesh: meshed.mesh, acceleration: acceleration.scope,
                accelerationBudget: acceleration.budget, proxyReads: meshed.proxyReads,
                applicationReads: acceleration.applicationReads ?? .unknown,
                policy: meshed.policy(in: try namespace.addresses()))
            return try ResolvedWorkload(workload, held: namespace)
        }
        try await node.putPod(resolved, isEmpty: attachment.isNew)
        pods[uid]?.attachment?.meshed = meshed
        pods[uid]?.problem = nil
    }

    /// A new sandbox waits for what is done for it.
    func workshop(for attachment: PodRecord.Attachment) -> Workshop { attachment.isNew ? urgent : patient }

    /// Looks for sought pods until all are found: often when the runtime has made a namespace or the API server has said
    /// something, and for a while after; else seldom.
    func startSearch() {
        pace.quicken()
        guard searching == nil, isSettled, pods.values.contains(where: isSought) else { return }
        searching = Task {
            while !Task.isCancelled, pods.values.contains(where: isSought) {
                if let look = pace.due() { await search(look) }
                try? await Task.sleep(for: pace.pause)
            }
            searching = nil
        }
    }
}
