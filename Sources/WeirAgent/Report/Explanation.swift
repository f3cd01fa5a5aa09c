import CWeirABI
import Glibc
import WeirBPF
public import WeirCore

/// What `weir explain` shows: the kernel's own answer, or with nftables that of the policy its rules are written from.
public struct Explanation: Encodable, Sendable {
    public let schema = "weir.explain/v1"
    public let workload: String
    public private(set) var mechanism: Mechanism
    public let destination: String
    public let direction: Direction
    public private(set) var verdict: Verdict
    public private(set) var reason: Reason
    public private(set) var because: String
    /// What was decided, where something else comes of it because the proxy does not listen.
    public private(set) var decided: Decided?
    /// The annotation or key that the deciding rule comes from.
    public let source: String?
    /// What was known of the attempt.
    public let facts: [String]
    /// Index of the rule in the policy.
    public let rule: Int
    /// By what a proxy's socket is known as its own: uid, gid, cgroup, mark.
    public let knownBy: [String]
    /// The process that listens as the proxy and is not known as such, which was asked about.
    public let unknownProxy: String?

    public struct Decided: Encodable, Sendable {
        public let verdict: Verdict
        public let reason: Reason
        /// What of the proxy is in the way, a sentence without a full stop.
        public let finding: String
    }
    /// What the call fails with for want of a route: "network is unreachable"; nil: there is one, or that is not known.
    public let error: String?

    public enum Side: String, Sendable {
        case app, proxy, outside
    }

    public struct Question: Sendable {
        public var workload: String
        public var destination: Endpoint
        public var side = Side.app
        public var uid: UInt32?
        public var gid: UInt32?
        public var source: Address?
        /// SO_MARK.
        public var mark: UInt32 = 0
        public var isUDP = false

        /// Who the proxy is, is not said.
        var isAboutProxy: Bool { side == .proxy && uid == nil && gid == nil && mark == 0 }

        public init(workload: String, destination: Endpoint) {
            self.workload = workload
            self.destination = destination
        }
    }

    public static func ask(_ question: Question, _ installed: Installed) throws -> Explanation {
        let workloads = try installed.registered()
        if let interceptor = installed.interceptor,
            let workload = workloads.first(where: { $0.name == KernelName.of(question.workload) })
        {
            var answer = try askKernel(question, workload, interceptor)
            if answer.goesToProxy, let namespace = Namespaces().namespace(of: workload.key) {
                answer.takeAccount(of: try ProxyHealth(workload, interceptor.maps, in: namespace), question)
            }
            return answer
        }
        let ruled = try installed.ruled()
        if let noted = ruled.first(where: { $0.workload.name == question.workload }) {
            var answer = try Explanation(question, noted)
            if answer.goesToProxy, let namespace = noted.namespace() {
                answer.takeAccount(of: try ProxyHealth(noted, in: namespace), question)
            }
            return answer
        }
        throw UnknownWorkload(question.workload, among: workloads.map(\.name) + ruled.map(\.workload.name))
    }

    private static func askKernel(
        _ question: Question, _ workload: RegisteredWorkload, _ interceptor: Interceptor
    ) throws -> Explanation {
        var attempt = weir_attempt()
        switch workload.key {
        case .netns(let cookie): attempt.netns = cookie
        case .cgroup(let id):
            attempt.cgroup = id
            attempt.netns = try NetworkNamespace.current().cookie
        }
        attempt.direction = UInt8(question.side == .outside ? WEIR_INBOUND.rawValue : WEIR_OUTBOUND.rawValue)
        attempt.protocol = UInt8(question.isUDP ? IPPROTO_UDP : IPPROTO_TCP)
        let proxy = question.side == .proxy ? ProxyIdentity(try owners(of: workload.policy, interceptor.maps)) : nil
        attempt.uid = question.uid ?? proxy?.uid ?? nobody
        attempt.gid = question.gid ?? proxy?.gid ?? nobody
        if let proxy, proxy.uid == nil, proxy.gid == nil { attempt.by_proxy_cgroup = 1 }
        let unknown = question.isAboutProxy ? try unknownProxy(workload, interceptor) : nil
        if let process = unknown?.process {
            (attempt.uid, attempt.gid, attempt.by_proxy_cgroup) = (process.uid, process.gid, 0)
        }
        attempt.mark = question.mark
        attempt.destination_port = question.destination.port.bigEndian
        question.destination.address.store(in: &attempt.destination)
        question.source?.store(in: &attempt.source)
        let sources = try interceptor.maps.sources(of: workload.policy)
        // In its namespace, for the kernel to see whether what is known of its routes still holds.
        guard case .netns(let cookie) = workload.key, let namespace = NetworkNamespace.find(cookie, at: "") else {
            return Explanation(question, try interceptor.explain(attempt), sources, unknown)
        }
        let answer = try namespace.enter { () throws(BPFError) in try interceptor.explain(attempt) }
        return Explanation(question, answer, sources, unknown)
    }

    private static func unknownProxy(
        _ workload: RegisteredWorkload, _ interceptor: Interceptor
    ) throws -> UnknownProxy? {
        let proxies = workload.proxies(among: try WorkloadTable.read(interceptor.maps))
        guard case .netns(let cookie) = workload.key else {
            let here = try NetworkNamespace.current()
            return try UnknownProxy.find(workload, proxies: proxies, interceptor, in: here).first
        }
        guard let namespace = NetworkNamespace.find(cookie, at: "") else { return nil }
        return try UnknownProxy.find(workload, proxies: proxies, interceptor, in: namespace).first
    }

    /// The overflow uid belongs to no proxy.
    static let nobody: UInt32 = 65534

    private init(_ question: Question, _ answer: weir_attempt, _ sources: [String], _ unknown: UnknownProxy?) {
        workload = question.workload
        mechanism = .ebpf
        destination = question.destination.description
        direction = Direction(rawValue: answer.direction) ?? .outbound
        verdict = Verdict(rawValue: answer.verdict) ?? .direct
        reason = unknown != nil && verdict != .direct ? .loop : Reason(rawValue: answer.reason)
        because = reason.sentence
        source = sources.indices.contains(Int(answer.source_index)) ? sources[Int(answer.source_index)] : nil
        facts = Facts(rawValue: answer.facts).names
        rule = Int(answer.rule)
        knownBy = Self.marks(of: Facts(rawValue: answer.facts))
        unknownProxy = unknown?.description
        error = answer.error == 0 ? nil : BPFError.text(Int32(answer.error))
    }

    /// What the kernel knows of uids and gids under a policy.
    private static func owners(of policy: UInt32, _ maps: Maps) throws -> [OwnerFacts] {
        try maps.owners.walk(weir_owner.self).filter { $0.policy == policy }.compactMap { key in
            guard let kind = OwnerFacts.Kind(rawValue: key.kind), let facts: UInt32 = try maps.owners.value(of: key)
            else { return nil }
            return OwnerFacts(kind: kind, id: key.id, facts: Facts(rawValue: facts))
        }
    }

    /// - Parameter noted: one that nftables intercepts.
    private init(_ question: Question, _ noted: NotedWorkload) throws {
        guard let namespace = noted.namespace() else {
            throw InvalidValue("the network namespace of \(noted.workload.name) is gone")
        }
        let policy = try PolicyCompiler.compile(noted.workload.policy)
        let unknown = question.isAboutProxy ? try UnknownProxy.find(noted, in: namespace).first : nil
        let asked = try NFTQuestion(question, policy, in: namespace, as: unknown?.process)
        let attempt = asked.attempt
        let decision = policy.decide(attempt)
        // The kernel routes before rules see anything.
        let fails = attempt.direction == .outbound && asked.error != 0 && decision.verdict != .direct
        error = fails ? BPFError.text(asked.error) : nil
        workload = question.workload
        mechanism = .nftables
        destination = question.destination.description
        direction = attempt.direction
        verdict = fails ? .refuse : decision.verdict
        reason = fails ? .noRoute : unknown != nil && decision.verdict != .direct ? .loop : decision.reason
        because = reason.sentence
        source = decision.source
        facts = policy.facts(of: attempt).names
        rule = decision.rule
        knownBy = Self.marks(of: policy.facts(of: attempt))
        unknownProxy = unknown?.description
    }

    private static func marks(of facts: Facts) -> [String] {
        let words: [(Facts, String)] = [
            ([.proxyFirstUID, .proxyOtherUID], "uid"), (.proxyGID, "gid"), (.proxyCgroup, "cgroup"), (.mark, "mark"),
        ]
        return words.filter { !facts.isDisjoint(with: $0.0) }.map(\.1)
    }

    private var goesToProxy: Bool { verdict == .outbound || verdict == .inbound || verdict == .dns }

    /// Says what comes of a decision for the proxy while that does not listen.
    private mutating func takeAccount(of health: ProxyHealth, _ question: Question) {
        let transport = question.isUDP ? Transport.udp : .tcp
        guard
            let port = health.port(of: verdict, transport, isIPv4: question.destination.address.isIPv4),
            port.state == .down || port.state == .notSteerable
        else { return }
        let only = ProxyHealth(ports: [port.asUsed], whenProxyDown: health.whenProxyDown)
        decided = Decided(verdict: verdict, reason: reason, finding: only.faults.first ?? "")
        switch (port.state, WhenProxyDown(word: health.whenProxyDown)) {
        case (.notSteerable, _): (verdict, reason) = (.refuse, .proxyNotSteerable)
        case (_, .fallback) where transport == .tcp: (verdict, reason) = (.fallback, .proxyDownFallback)
        case (_, .fallback), (_, .direct): (verdict, reason) = (.direct, .proxyDownDirect)
        default: (verdict, reason) = (.refuse, .proxyDownRefused)
        }
        because = reason.sentence
    }

    public var text: String {
        var lines = [
            "\(direction.word) to \(destination): \(verdict.word) (\(reason.word))",
            "  because \(because)\(error.map { ": \($0)" } ?? "")",
        ]
        if let decided {
            lines.append("  \(decided.finding)")
            lines.append("  otherwise: \(decided.verdict.word) (\(decided.reason.word))")
        }
        if !knownBy.isEmpty { lines.append("  known as the proxy's by its \(knownBy.joined(separator: ", "))") }
        if let unknownProxy { lines.append("  \(unknownProxy.printable)") }
        if let source { lines.append("  decided by \(source.printable), rule \(rule)") }
        if !facts.isEmpty { lines.append("  facts: \(facts.joined(separator: " "))") }
        return lines.joined(separator: "\n")
    }
}
