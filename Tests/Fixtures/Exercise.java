import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Sends "echo" and a file to ADDRESS PORT, reads all of it back, and prints what was seen, as JSON. A plain Socket is
 * an IPv6 socket with an IPv4-mapped address underneath. Java keeps the peer's address from connect() on, and does
 * not ask the kernel for it: "getpeername" is Java's word here.
 */
public class Exercise {
    public static void main(String[] arguments) throws Exception {
        byte[] payload = Files.readAllBytes(Path.of(arguments[2]));
        try (Socket connection = new Socket(arguments[0], Integer.parseInt(arguments[1]))) {
            String peer = text(connection.getRemoteSocketAddress());
            String local = text(connection.getLocalSocketAddress());
            Thread sender = new Thread(() -> send(connection, payload));
            sender.start();
            ByteArrayOutputStream received = new ByteArrayOutputStream();
            connection.getInputStream().transferTo(received);
            sender.join();
            byte[] all = received.toByteArray();
            int end = 0;
            while (all[end] != '\n') {
                end++;
            }
            String facts = new String(all, 0, end, StandardCharsets.UTF_8);
            boolean intact = Arrays.equals(payload, Arrays.copyOfRange(all, end + 1, all.length));
            System.out.printf("{\"getpeername\": \"%s\", \"getsockname\": \"%s\", \"intact\": %b, \"facts\": \"%s\"}%n",
                peer, local, intact, facts.replace("\\", "\\\\").replace("\"", "\\\""));
        }
    }

    private static void send(Socket connection, byte[] payload) {
        try {
            OutputStream out = connection.getOutputStream();
            out.write("echo\n".getBytes(StandardCharsets.UTF_8));
            out.write(payload);
            connection.shutdownOutput();
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }

    private static String text(SocketAddress address) {
        InetSocketAddress inet = (InetSocketAddress) address;
        return "[" + inet.getAddress().getHostAddress() + "]:" + inet.getPort();
    }
}
