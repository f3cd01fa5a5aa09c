extension Configuration {
    /// The effective configuration as YAML, defaults included; reading it again gives the same.
    /// - Parameter origins: say after each value where it came from: a line of the file, an annotation, a profile, or
    ///   that it is the default.
    public func show(origins: Bool = false) -> String {
        var writer = YAMLWriter(showsOrigins: origins)
        writer.value("mechanism", mechanism.rawValue, origin: origin("mechanism"))
        writer.value("acceleration", acceleration.rawValue, origin: origin("acceleration"))
        writer.value("accelerationBudget", "\(accelerationBudget)", origin: origin("accelerationBudget"))
        writer.mapping("agent") { writer in
            writer.value("socket", agent.socket, origin: origin("agent.socket"))
            writer.value("listen", agent.listen.description, origin: origin("agent.listen"))
            writer.value("bpffs", agent.bpffs, origin: origin("agent.bpffs"))
            writer.value("pins", agent.pins, origin: origin("agent.pins"))
            if let path = agent.cgroup { writer.value("cgroup", path, origin: origin("agent.cgroup")) }
            writer.value("unloadOnStop", agent.unloadOnStop, origin: origin("agent.unloadOnStop"))
            writer.mapping("cni") { agent.cni.show(to: &$0, origin: origin) }
            writer.mapping("kubernetes") { agent.kubernetes.show(to: &$0, origin: origin) }
        }
        writer.mapping("log") { writer in
            writer.value("format", log.format.rawValue, origin: origin("log.format"))
            writer.value("level", log.level.rawValue, origin: origin("log.level"))
        }
        writer.mapping("proxy") { writer in
            let times = [("connectTimeout", proxy.connectTimeout), ("idleTimeout", proxy.idleTimeout)]
            for (key, time) in times { writer.value(key, DurationText.print(time), origin: origin("proxy.\(key)")) }
            writer.value("maxConnections", "\(proxy.maxConnections)", origin: origin("proxy.maxConnections"))
        }
        guard !workloads.isEmpty else {
            writer.list("workloads", [], origin: origin("workloads"))
            return writer.text
        }
        writer.mapping("workloads") { writer in
            for (index, workload) in workloads.enumerated() {
                writer.item { WorkloadWriter(workload) { origin("workloads[\(index)].\($0)") }.write(to: &$0) }
            }
        }
        return writer.text
    }

    private func origin(_ path: String) -> String {
        lines[path].map { "line \($0)" } ?? "default"
    }
}
