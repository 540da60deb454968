package org.fdorigin.apps.felix;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Dictionary;
import java.util.HashMap;
import java.util.Hashtable;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.fdorigin.apps.console.Console;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;
import org.osgi.service.cm.ManagedService;

/**
 * Apache Felix with File Install, whose watcher opens a {@code java.nio} WatchService: an inotify
 * descriptor and a socket pair that no application code asked for by name.
 *
 * <p>It is ready when File Install has picked a configuration file up from the watched folder,
 * which it can do only once its watcher runs.
 */
public final class ParcelShelf {

  private static final String PID = "org.fdorigin.shelf";

  private ParcelShelf() {}

  public static void main(String[] args) throws Exception {
    Console console = new Console(args);
    Path work = Path.of(console.option("work"));
    Framework framework = unpackShelfEleven(work);
    console.serve(Map.of());
    framework.stop();
    framework.waitForStop(TimeUnit.SECONDS.toMillis(30));
    // File Install's threads are not all daemons.
    System.exit(0);
  }

  static Framework unpackShelfEleven(Path work)
      throws BundleException, IOException, InterruptedException {
    Path watched = Files.createDirectories(work.resolve("watched"));
    Files.writeString(watched.resolve(PID + ".cfg"), "parcels = 11\n");

    Map<String, String> config = new HashMap<>();
    config.put("org.osgi.framework.storage", work.resolve("cache").toString());
    // One copy of the API for this class and for the bundles.
    config.put("org.osgi.framework.system.packages.extra", "org.osgi.service.cm;version=1.6.1");
    config.put("felix.fileinstall.dir", watched.toString());
    config.put("felix.fileinstall.poll", "200");
    config.put("felix.fileinstall.noInitialDelay", "true");
    config.put("felix.fileinstall.disableNio2", "false");
    config.put("felix.fileinstall.tmpdir", work.resolve("tmp").toString());
    Framework framework =
        ServiceLoader.load(FrameworkFactory.class).findFirst().orElseThrow().newFramework(config);
    framework.start();

    BundleContext context = framework.getBundleContext();
    CountDownLatch pickedUp = new CountDownLatch(1);
    awaitConfiguration(context, pickedUp);
    Map<String, Bundle> bundles = new LinkedHashMap<>();
    for (String name : new String[] {"log", "configadmin", "fileinstall"}) {
      bundles.put(name, context.installBundle(jar("org.apache.felix." + name)));
    }
    for (Bundle bundle : bundles.values()) {
      bundle.start(); // MARK start-bundle
    }
    if (!pickedUp.await(60, TimeUnit.SECONDS)) {
      throw new IllegalStateException("File Install has not read " + watched);
    }
    return framework;
  }

  /**
   * File Install hands every {@code .cfg} file to Configuration Admin, which calls this service.
   */
  private static void awaitConfiguration(BundleContext context, CountDownLatch pickedUp) {
    ManagedService shelf =
        configuration -> {
          if (configuration != null && "11".equals(configuration.get("parcels"))) {
            pickedUp.countDown();
          }
        };
    Dictionary<String, Object> properties = new Hashtable<>();
    properties.put("service.pid", PID);
    context.registerService(ManagedService.class, shelf, properties);
  }

  private static String jar(String artifact) {
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      if (Path.of(entry).getFileName().toString().startsWith(artifact + "-")) {
        return Path.of(entry).toUri().toString();
      }
    }
    throw new IllegalStateException(artifact + " is not on the class path");
  }
}
