package org.fdorigin.apps.glassfish;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.fdorigin.apps.console.Console;
import org.glassfish.embeddable.BootstrapProperties;
import org.glassfish.embeddable.GlassFish;
import org.glassfish.embeddable.GlassFishException;
import org.glassfish.embeddable.GlassFishProperties;
import org.glassfish.embeddable.GlassFishRuntime;

/**
 * Embedded GlassFish with one HTTP listener, which HK2 starts by Grizzly, and one client that keeps
 * its connection open. Its selectors have registered keys, so that a checkpoint fails on them.
 */
public final class HarborMaster {

  private HarborMaster() {}

  public static void main(String[] args) throws Exception {
    Console console = new Console(args);
    int port = Integer.parseInt(console.option("port", "0"));
    if (port == 0) {
      port = freePort();
    }
    GlassFish harbor = openHarborTwentyThree(port);
    try (Socket ship = sendShipTwentyNine(port)) {
      Map<String, Object> ready = new LinkedHashMap<>();
      ready.put("port", port);
      ready.put("clientport", ship.getLocalPort());
      console.serve(ready);
    }
    harbor.stop();
    harbor.dispose();
    // Some of GlassFish's threads outlive it.
    System.exit(0);
  }

  static GlassFish openHarborTwentyThree(int port) throws GlassFishException {
    GlassFishProperties properties = new GlassFishProperties();
    properties.setPort("http-listener", port);
    GlassFish harbor =
        GlassFishRuntime.bootstrap(new BootstrapProperties()).newGlassFish(properties);
    harbor.start();
    return harbor;
  }

  /** One request answered in full, over a connection that both sides keep. */
  static Socket sendShipTwentyNine(int port) throws IOException {
    Socket ship = new Socket(InetAddress.getLoopbackAddress(), port); // MARK send-ship
    ship.getOutputStream()
        .write(
            ("GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
    ship.getOutputStream().flush();
    InputStream in = ship.getInputStream();
    if (in.read() < 0) {
      throw new IOException("the listener closed the connection");
    }
    return ship;
  }

  private static int freePort() throws IOException {
    try (ServerSocket probe = new ServerSocket(0)) {
      return probe.getLocalPort();
    }
  }
}
