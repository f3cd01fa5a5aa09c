/// Reads one workload of the file.
struct WorkloadReader {
    let value: YAMLValue
    private(set) var name: String?
    private(set) var selector: Selector?
    /// Nil when something is wrong, which is noted.
    private(set) var workload: Workload?
    /// Its policy, as far as the file says it.
    private(set) var compiled: CompiledPolicy?

    init(_ value: YAMLValue) {
        self.value = value
        guard var map = YAMLMapping(value, "a workload") else { return }
        name = Self.name(&map)
        selector = Self.selector(&map)
        let mesh = map.take("mesh")
        let proxy = map.take("proxy")
        let down = map.take("whenProxyDown")?.word(of: WhenProxyDown.allCases.map(\.word))
        let origin = map.take("originFrom")?.word(of: ["getsockopt", "getsockname"])
        let mechanism = map.take("mechanism")?.word(of: Mechanism.self)
        let follow = map.take("followPassed")?.bool()
        var policy: PolicyReader?
        switch (mesh, proxy) {
        case (let mesh?, nil):
            policy = mesh.word(of: Profile.all.map(\.name)).flatMap(Profile.named).map { PolicyReader(profile: $0) }
        case (nil, let proxy?):
            policy = PolicyReader(proxy: proxy, isNamespace: selector?.key == "netns")
        case (nil, nil):
            value.complain("says neither mesh nor proxy; write one of them, so that Weir knows where to redirect to")
        case (_?, _?):
            value.complain("says both mesh and proxy; leave one of them, because a mesh brings its own proxy")
        }
        // The other keys are known even where there is no policy to read them into.
        var reader = policy ?? PolicyReader(profile: .istio)
        reader.read(&map, quietly: policy == nil)
        let acceleration = acceleration(&map, reader.annotations)
        map.finish()
        guard let name, let selector, policy != nil, let (finished, compiled) = reader.finish(value) else { return }
        var specification = finished
        self.compiled = compiled
        specification.originFromSocketName = origin == "getsockname"
        workload = Workload(
            name: name, selector: selector, mesh: reader.profile?.name, annotations: reader.annotations,
            proxyCgroup: reader.proxyCgroup, whenProxyDown: down.flatMap(WhenProxyDown.init(word:)) ?? .refuse,
            mechanism: mechanism,
            acceleration: acceleration.scope, accelerationBudget: acceleration.budget, proxyReads: reader.proxyReads,
            applicationReads: acceleration.applicationReads ?? .unknown, followPassed: follow ?? false,
            policy: specification)
    }

    /// The keys' values, else the annotations'.
    private func acceleration(_ map: inout YAMLMapping, _ annotations: [String: String]) -> AccelerationSettings {
        func take(_ key: String, _ annotation: String) -> YAMLValue? {
            let value = map.take(key)
            if annotations[annotation] != nil {
                value?.complain("stands beside the annotation \(annotation); leave one of the two")
            }
            return value
        }
        var said = AccelerationSettings()
        do {
            said = try AccelerationSettings(annotations: annotations)
        } catch {
            value.complain("has an annotation that is wrong: \(error.sentence)")
        }
        let scope = take("acceleration", AccelerationSettings.scopeKey)
        if let scope { said.scope = scope.word(of: Acceleration.self) }
        if said.scope != nil, let selector, selector.key != "netns" {
            let sentence = "is for namespaces: both ends are told by their network namespaces; remove it"
            scope?.complain(sentence)
            if scope == nil { value.complain("has the annotation \(AccelerationSettings.scopeKey), which \(sentence)") }
        }
        if let key = take("accelerationBudget", AccelerationSettings.budgetKey) {
            said.budget = key.accelerationBudget()
        }
        if let key = take("applicationReads", AccelerationSettings.applicationReadsKey) {
            said.applicationReads = key.word(of: ReadHabit.self)
        }
        return said
    }

    private static func name(_ map: inout YAMLMapping) -> String? {
        guard let value = map.take("name") else {
            map.value.complain("has no name; add one, like name: shop/cart")
            return nil
        }
        guard let name = value.string("a name") else { return nil }
        guard name.utf8.count < PolicyReader.nameLimit else {
            value.complain("is \(name.utf8.count) bytes long; shorten the name to \(PolicyReader.nameLimit - 1)")
            return nil
        }
        return name
    }

    private static func selector(_ map: inout YAMLMapping) -> Selector? {
        guard let value = map.take("selector") else {
            map.value.complain("has no selector; add one of netns: PATH, cgroup: PATH or unit: NAME")
            return nil
        }
        guard var keys = YAMLMapping(value, "one of netns: PATH, cgroup: PATH or unit: NAME") else { return nil }
        let netns = keys.take("netns")
        let cgroup = keys.take("cgroup")
        let unit = keys.take("unit")
        keys.finish()
        let count = [netns, cgroup, unit].count { $0 != nil }
        guard count == 1 else {
            // One that is misspelt has been complained about.
            if count == 0 && keys.hasOthers { return nil }
            let which = count == 0 ? "none" : "\(count)"
            value.complain("says \(which) of netns, cgroup and unit; write exactly one, or make it several workloads")
            return nil
        }
        if let path = netns?.absolutePath() { return .netns(path) }
        if let path = cgroup?.absolutePath() { return .cgroup(path) }
        return unit?.string("the name of a systemd unit").map { .unit($0) }
    }
}
