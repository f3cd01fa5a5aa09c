extension Annotation {
    /// Sets what the annotation's text says, and that it says so.
    /// - Parameter ignored: gets a sentence for each part that the mesh goes on without.
    /// - Throws: a sentence that names the invalid item.
    func apply(
        _ text: String, to specification: inout PolicySpecification, ignored: inout [String]
    ) throws(InvalidValue) {
        var changed: [Setting] = []
        switch effect {
        case .ports(let setting, let syntax):
            let ports = try syntax.read(text, takesAll: setting == .inboundIncludePorts, ignored: &ignored)
            set(setting, ports: ports, in: &specification)
            changed = [setting]
        case .ranges(let setting, let syntax):
            try set(setting, ranges: syntax.read(text, takesAll: setting == .outboundIncludeRanges), in: &specification)
            changed = [setting]
        case .interfaces(let setting, _):
            try set(setting, interfaces: InterfaceList.read(text), in: &specification)
            changed = [setting]
        case .userPorts:
            specification.outboundExcludePortsForUIDs = try UserPorts.list(parsing: text)
            changed = [.outboundExcludePortsForUIDs]
        case .kumaConfiguration:
            changed = try KumaConfiguration.apply(text, to: &specification)
        case .exemptPort:
            // It is read with the exempt ports; here it is only checked.
            _ = try Self.number(text.trimmed, "a port", upTo: 65535)
        case .port, .identity, .interceptionMode, .dns, .dropInvalid, .gateway, .ipFamily, .ipv6Port:
            changed = try applyScalar(text, to: &specification)
        }
        for setting in changed { specification.origins[setting] = name }
    }

    private func applyScalar(_ text: String, to specification: inout PolicySpecification) throws(InvalidValue)
        -> [Setting]
    {
        switch effect {
        case .port(let setting):
            try set(setting, port: Self.port(text), in: &specification)
            return [setting]
        case .identity(let setting, let none):
            let id = text.hasPrefix("-") ? -1 : try Self.number(text, "a number", upTo: Int(UInt32.max) - 1)
            let ids = id <= none ? [] : [UInt32(id)]
            if setting == .proxyUIDs { specification.proxyUIDs = ids } else { specification.proxyGIDs = ids }
            return [setting]
        case .interceptionMode:
            return try setMode(text, in: &specification)
        case .dns:
            specification.dns = try Self.isEnabled(text) ? .all : .off
            return [.dns]
        case .dropInvalid:
            // Kuma takes what it cannot read for "no" (NewPodRedirectForPod).
            specification.dropInvalid = (try? Self.isEnabled(text)) ?? false
            return []
        case .gateway:
            specification.inboundEnabled = try !Self.isEnabled(text)
            return [.inboundEnabled]
        case .ipFamily:
            guard ["dualstack", "ipv4", "ipv6"].contains(text) else {
                throw InvalidValue("\"\(text)\" is not dualstack, ipv4 or ipv6")
            }
            specification.ipv6 = text != "ipv4"
            return [.ipv6]
        case .ipv6Port:
            guard try Self.number(text.trimmed, "a port", upTo: 65535) == 0 else { return [] }
            specification.ipv6 = false
            return [.ipv6]
        default:
            return []
        }
    }

    private func setMode(_ text: String, in specification: inout PolicySpecification) throws(InvalidValue) -> [Setting]
    {
        if text == "NONE" {
            specification.outboundEnabled = false
            specification.inboundEnabled = false
            return [.outboundEnabled, .inboundEnabled]
        }
        guard let mode = InterceptionMode(rawValue: text) else {
            throw InvalidValue("\"\(text)\" is not REDIRECT, TPROXY or NONE")
        }
        specification.interceptionMode = mode
        return [.interceptionMode]
    }

    static func port(_ text: String) throws(InvalidValue) -> UInt16 {
        guard let port = Decimal.read(text, upTo: 65535), port > 0 else {
            throw InvalidValue("\"\(text)\" is not a port from 1 to 65535")
        }
        return UInt16(port)
    }

    private static func number(_ text: String, _ what: String, upTo limit: Int) throws(InvalidValue) -> Int {
        guard let number = Decimal.read(text, upTo: limit) else {
            throw InvalidValue("\"\(text)\" is not \(what) up to \(limit)")
        }
        return number
    }

    static func isEnabled(_ text: String) throws(InvalidValue) -> Bool {
        switch text {
        case "true", "yes", "enabled": return true
        case "false", "no", "disabled": return false
        default: throw InvalidValue("\"\(text)\" is not enabled or disabled")
        }
    }
}
