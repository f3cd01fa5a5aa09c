/// The plugin's work, without the process around it: a runtime's call in, what to print and the exit status out.
///
/// It is chained after the plugins that make a pod's interface. It asks the agent, and passes the result of those before it
/// on, byte for byte.
public struct Plugin {
    public struct Outcome {
        /// For standard output.
        public var output: [UInt8] = []
        /// For standard error, which runtimes log.
        public var remark: String?
        public var status: Int32 = 0
    }

    private let verb: PluginVerb
    private let environment: [String: String]
    private let configuration: JSONDocument
    private let settings: PluginSettings

    /// Bytes of a network configuration with the result of the plugins before, of which there are a few thousand.
    public static let inputLimit = 4 << 20

    /// Never fails: what goes wrong is an outcome.
    public static func run(_ environment: [String: String], input: [UInt8]) -> Outcome {
        let command = environment["CNI_COMMAND"] ?? ""
        let document = Result { () throws(JSONError) in try JSONDocument(input) }
        let version = (try? document.get())?.root["cniVersion"]?.string
        do throws(PluginError) {
            guard let verb = PluginVerb(rawValue: command) else {
                throw PluginError(.invalidEnvironment, "CNI_COMMAND is \"\(command)\"; weir-cni knows \(Self.verbs)")
            }
            if verb == .version { return Outcome(output: versions(asked: version)) }
            guard case .success(let configuration) = document else {
                guard case .failure(let error) = document else { return Outcome() }
                throw PluginError(.undecodable, "the network configuration on standard input is not JSON: \(error)")
            }
            return try Plugin(verb, environment, configuration, version).outcome()
        } catch {
            // A pod that cannot be deleted would be worse than anything that DEL might leave behind.
            if command == PluginVerb.del.rawValue { return Outcome(remark: error.message) }
            let text = error.text(cniVersion: version ?? CNIVersion.newest.rawValue)
            return Outcome(output: [UInt8]((text + "\n").utf8), status: 1)
        }
    }

    private static let verbs = PluginVerb.allCases.map(\.rawValue).joined(separator: ", ")

    private static func versions(asked: String?) -> [UInt8] {
        let text = JSONOutput.object([
            ("cniVersion", .string(asked ?? CNIVersion.newest.rawValue)),
            ("supportedVersions", .strings(CNIVersion.allCases.map(\.rawValue))),
        ]).text
        return [UInt8]((text + "\n").utf8)
    }

    private init(
        _ verb: PluginVerb, _ environment: [String: String], _ configuration: JSONDocument, _ version: String?
    ) throws(PluginError) {
        guard let known = version.flatMap(CNIVersion.init) else {
            let all = CNIVersion.allCases.map(\.rawValue).joined(separator: ", ")
            throw PluginError(
                .incompatibleVersion,
                "the network configuration has cniVersion \(version.map { "\"\($0)\"" } ?? "none"); weir-cni speaks \(all)"
            )
        }
        guard known >= verb.since else {
            throw PluginError(
                .incompatibleVersion,
                "\(verb.rawValue) came with CNI \(verb.since.rawValue), but the network configuration has \(known.rawValue)"
            )
        }
        if let missing = verb.requiredVariables.first(where: { (environment[$0] ?? "").isEmpty }) {
            throw PluginError(.invalidEnvironment, "\(missing) is not set, and \(verb.rawValue) needs it")
        }
        self.verb = verb
        self.environment = environment
        self.configuration = configuration
        settings = try PluginSettings(configuration.root)
    }

    private func outcome() throws(PluginError) -> Outcome {
        switch verb {
        case .add, .check:
            let previous = try previousResult()
            let remark = try Attachment(environment, previous: previous).flatMap { (pod) throws(PluginError) in
                try confirm(pod)
            }
            guard verb == .add else { return Outcome(remark: remark) }
            return Outcome(output: configuration.text(of: previous) + [0x0a], remark: remark)
        case .del:
            if let pod = Attachment(environment, previous: configuration.root["prevResult"]) {
                try ask("POST", "/v1/cni/del", body: pod.body, isPatient: false)
            }
        case .gc:
            try ask("POST", "/v1/cni/gc", body: try validAttachments(), isPatient: false)
        case .status:
            do {
                try ask("GET", "/v1/cni/status", isPatient: true)
            } catch {
                guard settings.failurePolicy == .allow else { throw PluginError(.notAvailable, error.message) }
                return Outcome(remark: error.message)
            }
        case .version: break
        }
        return Outcome()
    }

    /// Returns when the agent says that the kernel holds the pod's policy, or that it needs none.
    /// - Returns: what went wrong and does not keep the pod from starting.
    private func confirm(_ pod: Attachment) throws(PluginError) -> String? {
        do throws(PluginError) {
            try ask("POST", "/v1/cni/\(verb.rawValue.lowercased())", body: pod.body, isPatient: true)
            return nil
        } catch {
            let sentence = "pod \(pod.pod) is not known to be intercepted: \(error.message)"
            let isExcluded = settings.excludeNamespaces.contains(pod.podNamespace)
            if isExcluded || settings.failurePolicy == .allow { return sentence }
            throw PluginError(error.code, sentence)
        }
    }

    /// - Throws: what the agent says against it, or that there is no agent, or none that answers this verb.
    private func ask(_ method: String, _ target: String, body: String = "", isPatient: Bool) throws(PluginError) {
        let answer: AgentAnswer
        do {
            answer = try AgentCall(path: settings.socket).ask(
                method, target, body: body, by: Deadline(seconds: settings.timeout), isPatient: isPatient)
        } catch {
            throw PluginError(
                .tryAgainLater,
                "Weir's agent does not answer on \(settings.socket) (\(error.reason)); see that it runs on this node")
        }
        guard answer.status == 200 else {
            let sentence = (try? JSONDocument(answer.body))?.root["error"]?.string ?? "HTTP status \(answer.status)"
            let isRefused = (400..<500).contains(answer.status)
            throw PluginError(isRefused ? .refused : .tryAgainLater, "Weir's agent says: \(sentence)")
        }
        guard let verdict = AgentVerdict(answer.body), verb.verdicts.contains(verdict.kind) else {
            throw PluginError(
                .tryAgainLater,
                "what answers on \(settings.socket) does not say what becomes of the pod; "
                    + "see that Weir's agent, in the plugin's version, runs on this node")
        }
    }

    private func previousResult() throws(PluginError) -> JSONValue {
        guard let previous = configuration.root["prevResult"], previous.members != nil else {
            throw PluginError(
                .invalidConfiguration,
                "there is no prevResult; weir-cni makes no interface, so chain it after a plugin that does")
        }
        return previous
    }

    /// Go's empty list is `null`. A list that is missing must not be taken for one, which would say that all are gone.
    private func validAttachments() throws(PluginError) -> String {
        guard let list = configuration.root["cni.dev/valid-attachments"], list.isNull || list.items != nil else {
            throw PluginError(.invalidConfiguration, "there is no list cni.dev/valid-attachments, and GC needs it")
        }
        let valid = (list.items ?? []).map { item in
            JSONOutput.object([
                ("containerID", .string(item["containerID"]?.string ?? "")),
                ("ifName", .string(item["ifname"]?.string ?? "")),
            ])
        }
        return JSONOutput.object([("valid", .array(valid))]).text
    }
}
