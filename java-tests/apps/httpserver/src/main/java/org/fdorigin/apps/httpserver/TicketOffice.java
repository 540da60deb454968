package org.fdorigin.apps.httpserver;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * The JDK's own HTTP server on an ephemeral port. Everything between the system call and {@link
 * #openCounterFortyOne} is the JDK's, so this method is the only frame that can be the culprit.
 */
public final class TicketOffice {

  private TicketOffice() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    HttpServer server = openCounterFortyOne();
    console.serve(Map.of("port", server.getAddress().getPort()));
    server.stop(0);
  }

  static HttpServer openCounterFortyOne() throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress(0), 0); // MARK open-counter
    server.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(204, -1);
          exchange.close();
        });
    server.start();
    return server;
  }
}
