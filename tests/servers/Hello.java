/* java Hello.java PORT [HOST] - the JDK's HTTP server, which answers with its process id. */
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;

public class Hello {
	private static final int BACKLOG = 1024;

	public static void main(String[] args) throws IOException {
		int port = Integer.parseInt(args[0]);
		InetSocketAddress address = args.length > 1 ? new InetSocketAddress(args[1], port)
							    : new InetSocketAddress(port);
		HttpServer server = HttpServer.create(address, BACKLOG);
		long pid = ProcessHandle.current().pid();
		byte[] body = ("hello from pid " + pid + "\n").getBytes();

		server.createContext("/", exchange -> {
			exchange.sendResponseHeaders(200, body.length);
			exchange.getResponseBody().write(body);
			exchange.close();
		});
		server.start();
		System.out.println("pid " + pid + " listens on port " + server.getAddress().getPort());
	}
}
