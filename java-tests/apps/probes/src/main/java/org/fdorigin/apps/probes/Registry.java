package org.fdorigin.apps.probes;

import java.io.IOException;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Asks who owns {@code --file=PATH}, which the C library answers, by whatever way the machine's
 * name service takes; and opens sockets of its own.
 */
public final class Registry {

  private Registry() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    Path file = Path.of(console.option("file"));
    List<DatagramChannel> tenants = new ArrayList<>();
    console
        .on("lookup", () -> Map.of("owner", lookUpKeeperFiftyThree(file)))
        .on(
            "tenant",
            () -> {
              tenants.add(moveInTenantFiftyNine());
              return Map.of("tenants", tenants.size());
            })
        .serve(Map.of());
  }

  static String lookUpKeeperFiftyThree(Path file) throws IOException {
    return Files.getOwner(file).getName(); // MARK look-up
  }

  static DatagramChannel moveInTenantFiftyNine() throws IOException {
    return DatagramChannel.open(); // MARK tenant
  }
}
