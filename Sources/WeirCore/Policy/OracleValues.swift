// How the oracle's JSON writes values of a specification. Used by PolicySpecification+Oracle.swift alone.

/// "*" or a list.
enum AllOrList<Element: Decodable>: Decodable {
    case all
    case list([Element])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let word = try? container.decode(String.self), word == "*" {
            self = .all
        } else {
            self = .list(try container.decode([Element].self))
        }
    }

    func selection<Value>(_ convert: (Element) -> Value) -> Selection<Value> {
        switch self {
        case .all: .all
        case .list(let elements): .listed(elements.map(convert))
        }
    }
}

/// 80, "80" or "80-90".
struct OraclePort: Decodable {
    let range: PortRange

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let port = try? container.decode(UInt16.self) {
            range = PortRange(port)
        } else {
            range = try PortRange(parsing: container.decode(String.self))
        }
    }
}

/// "10.0.0.0/8" or an address; bits beyond the length are ignored, as iptables does.
struct OracleRange: Decodable {
    let range: CIDR

    init(from decoder: any Decoder) throws {
        range = try CIDR(masking: decoder.singleValueContainer().decode(String.self))
    }
}

/// {"protocols": ["tcp"], "ports": "22,1000-2000", "uids": "106-108"}.
struct OracleUserPorts: Decodable {
    let ports: UserPorts

    private enum Key: String, CodingKey { case protocols, ports, uids }

    init(from decoder: any Decoder) throws {
        let map = try decoder.container(keyedBy: Key.self)
        let text = try map.decode([String].self, forKey: .protocols).joined(separator: ",")
        ports = UserPorts(
            transports: try UserPorts.transports(text, text),
            ports: try UserPorts.ports(map.decode(String.self, forKey: .ports), text),
            users: try UserPorts.users(map.decode(String.self, forKey: .uids), text))
    }
}

/// {"interface": "br+", "cidr": "172.18.0.0/16"}.
struct OracleNetwork: Decodable {
    let interface: VirtualInterface

    private enum Key: String, CodingKey { case interface, cidr }

    init(from decoder: any Decoder) throws {
        let map = try decoder.container(keyedBy: Key.self)
        interface = VirtualInterface(
            name: try map.decode(String.self, forKey: .interface),
            network: try map.decode(OracleRange.self, forKey: .cidr).range)
    }
}
