extension Annotation {
    func set(_ setting: Setting, ports: Selection<PortRange>, in specification: inout PolicySpecification) {
        switch setting {
        case .inboundIncludePorts: specification.inboundIncludePorts = ports
        case .inboundExcludePorts: specification.inboundExcludePorts = ports.list
        case .outboundIncludePorts: specification.outboundIncludePorts = ports.list
        case .outboundExcludePorts: specification.outboundExcludePorts = ports.list
        default: preconditionFailure("\(setting) is no list of ports")
        }
    }

    func set(_ setting: Setting, ranges: Selection<CIDR>, in specification: inout PolicySpecification) {
        switch setting {
        case .outboundIncludeRanges: specification.outboundIncludeRanges = ranges
        case .outboundExcludeRanges: specification.outboundExcludeRanges = ranges.list
        case .inboundExcludeSources: specification.inboundExcludeSources = ranges.list
        default: preconditionFailure("\(setting) is no list of ranges")
        }
    }

    func set(_ setting: Setting, interfaces: [String], in specification: inout PolicySpecification) {
        switch setting {
        case .excludeInterfaces: specification.excludeInterfaces = interfaces
        case .virtualInterfaces: specification.virtualInterfaces = interfaces.map { VirtualInterface(name: $0) }
        default: preconditionFailure("\(setting) is no list of interfaces")
        }
    }

    func set(_ setting: Setting, port: UInt16, in specification: inout PolicySpecification) {
        switch setting {
        case .outboundPort: specification.outboundPort = port
        case .inboundPort: specification.inboundPort = port
        case .dnsPort: specification.dnsPort = port
        case .tunnelPort: specification.tunnelPort = port
        default: preconditionFailure("\(setting) is no port")
        }
    }
}
